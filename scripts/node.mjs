// Finds a Node.js of version 24 or newer: the one that came with the packages, else the machine's own. Plain JavaScript
// for whatever Node.js there is. As a command: `node scripts/node.mjs FILE [ARGUMENT…]` runs FILE on it.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

export const PACKAGED = fileURLToPath(new URL("../node_modules/.bin/node", import.meta.url));
const isNewEnough = Number(process.versions.node.split(".")[0]) >= 24;

/** Path of the program; undefined when there is none. (setup.mjs takes away a packaged one that does not run here.) */
export const newNode = () => (existsSync(PACKAGED) ? PACKAGED : isNewEnough ? process.execPath : undefined);

export const NO_NODE = `Node.js 24 or newer is needed, and this is ${process.version}. Run 'npm ci' in the checkout, which brings one for Linux with glibc on x64 and arm64; elsewhere install it (https://nodejs.org)`;

/** Runs it to its end, and ends as it did. */
export function runOnNewNode(args) {
  const node = newNode();
  if (node === undefined) {
    console.error(`internode: ${NO_NODE}`);
    process.exit(1);
  }
  const child = spawn(node, args, { stdio: "inherit" });
  // A terminal's Ctrl-C reaches both processes; this one only waits until the other has cleaned up.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) runOnNewNode(process.argv.slice(2));
