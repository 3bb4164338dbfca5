#!/usr/bin/env node
// The `internode` command of a checkout: finds Node 24 or newer and runs the TypeScript source as it is.
import { fileURLToPath } from "node:url";
import { runOnNewNode } from "../scripts/node.mjs";

runOnNewNode([fileURLToPath(new URL("../lab/main.ts", import.meta.url)), ...process.argv.slice(2)]);
