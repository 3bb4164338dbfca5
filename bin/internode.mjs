#!/usr/bin/env node
// The `internode` command of a checkout: finds Node 24 and runs the TypeScript source as it is.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const own = `${root}node_modules/.bin/node`;
const node = Number(process.versions.node.split(".")[0]) >= 24 ? process.execPath : own;
if (!existsSync(node)) {
  console.error("internode: Node 24 is needed; run 'npm ci' in the checkout first");
  process.exit(1);
}
const child = spawn(node, [`${root}lab/main.ts`, ...process.argv.slice(2)], { stdio: "inherit" });
// A terminal's Ctrl-C reaches both processes; this one only waits until the other has cleaned up.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (code) => process.exit(code ?? 1));
