// `npm run tools [-- --parallel N] [name…]`: builds the foreign programs, or those named, into the cache.
import { parseArgs } from "node:util";
import { CACHE, ensureTools } from "./cache.ts";
import { RECIPES, type ToolName } from "./recipes.ts";

const { values, positionals } = parseArgs({
  options: { parallel: { type: "string" } },
  allowPositionals: true,
});
const names = positionals.length > 0 ? positionals : Object.keys(RECIPES);
const unknown = names.filter((name) => !(name in RECIPES));
const parallel = values.parallel === undefined ? undefined : Number(values.parallel);
if (unknown.length > 0 || (parallel !== undefined && !(Number.isInteger(parallel) && parallel > 0))) {
  console.error(`tools: cannot build ${unknown.join(", ") || `with --parallel ${values.parallel}`}`);
  console.error(`usage: npm run tools [-- --parallel N] [name…]   names: ${Object.keys(RECIPES).join(", ")}`);
  process.exit(2);
}
console.log(`tools: cache ${CACHE}`);
const programs = await ensureTools(names as ToolName[], { parallel, log: console.log });
for (const [program, path] of Object.entries(programs)) console.log(`${program}\t${path}`);
