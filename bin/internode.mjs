#!/usr/bin/env node
// The `internode` command of a checkout: finds Node 24 or newer and runs the TypeScript source as it is.
import { fileURLToPath } from "node:url";
import { runOnNewNode } from "../scripts/node.mjs";
import { outdatedPackages } from "../scripts/packages.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const outdated = outdatedPackages(root);
if (outdated.length > 0) {
  console.error(`internode: this checkout's packages are not up to date (${outdated[0]}): run 'npm ci' in ${root}`);
  process.exit(1);
}
// What is compiled once is kept for the next start, which takes half the time then.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL("../node_modules/.cache/internode", import.meta.url));
runOnNewNode([fileURLToPath(new URL("../lab/main.ts", import.meta.url)), ...process.argv.slice(2)]);
