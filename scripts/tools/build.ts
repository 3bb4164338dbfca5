// `npm run tools [-- --parallel N] [name…]`: builds (or fetches) the foreign programs, or those named, into the cache.
import { readWords, runCommand } from "../command-line.ts";
import { CACHE, ensureTools } from "./cache.ts";
import { ensureNode, OTHER_NODES, type OtherNode } from "./node.ts";
import { RECIPES, type ToolName } from "./recipes.ts";

const NODES: Readonly<Record<string, OtherNode>> = Object.fromEntries(
  OTHER_NODES.map((major) => [`node${major}`, major]),
);
const KNOWN = [...Object.keys(RECIPES), ...Object.keys(NODES)];
const HELP = `Builds the foreign programs of the tests into ${CACHE}, or those named: npm run tools [-- OPTIONS] [NAME…]

  --parallel N    compilers at a time (default: Go's own)

NAME: ${KNOWN.join(", ")}`;
const { values, positionals } = readWords("tools", HELP, { parallel: { type: "string" } });
const names = positionals.length > 0 ? positionals : KNOWN;
const unknown = names.filter((name) => !KNOWN.includes(name));
const parallel = values.parallel === undefined ? undefined : Number(values.parallel);
if (unknown.length > 0 || (parallel !== undefined && !(Number.isInteger(parallel) && parallel > 0))) {
  console.error(`tools: cannot build ${unknown.join(", ") || `with --parallel ${values.parallel}`}`);
  console.error(`\n${HELP}`);
  process.exit(2);
}
await runCommand("tools", async () => {
  console.log(`tools: cache ${CACHE}`);
  for (const name of names) {
    const major = NODES[name];
    if (major !== undefined) console.log(`${name}\t${await ensureNode(major)}`);
  }
  const recipes = names.filter((name) => name in RECIPES) as ToolName[];
  const programs = await ensureTools(recipes, { parallel, log: console.log });
  for (const [program, path] of Object.entries(programs)) console.log(`${program}\t${path}`);
});
