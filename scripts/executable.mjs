// Makes `internode` one file that needs no Node.js: Node's own single executable, of the Node.js that runs this, for the
// system it runs on. A file for another system is made on that system: macOS refuses a program that it did not sign.
//
//   node scripts/node.mjs scripts/executable.mjs [--out FILE]      (default dist/internode-SYSTEM-ARCHITECTURE)
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { inject } from "postject";
import { readOptions } from "./command-line.ts";
import { bundleProgram, root } from "./program.mjs";

const name = `internode-${process.platform}-${process.arch}`;
const HELP = `Makes internode one file that needs no Node.js: npm run executable [-- OPTIONS]

  --out FILE  the file (default dist/${name})`;
const values = readOptions("executable", HELP, { out: { type: "string", default: join(root, "dist", name) } });
const out = resolve(values.out);
const isMac = process.platform === "darwin";

/** What Node.js looks for in itself (doc/api/single-executable-applications.md). */
const RESOURCE = "NODE_SEA_BLOB";
const FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

const folder = mkdtempSync(join(tmpdir(), "internode-executable-"));
try {
  const script = join(folder, "internode.cjs");
  const licences = await bundleProgram(script);
  const blob = join(folder, "blob");
  const config = join(folder, "config.json");
  // Compiled ahead: `version` starts in a third less time.
  writeFileSync(
    config,
    JSON.stringify({ main: script, output: blob, disableExperimentalSEAWarning: true, useCodeCache: true }),
  );
  execFileSync(process.execPath, ["--experimental-sea-config", config], { stdio: ["ignore", "ignore", "inherit"] });
  mkdirSync(dirname(out), { recursive: true });
  rmSync(out, { force: true });
  copyFileSync(process.execPath, out);
  chmodSync(out, 0o755);
  if (isMac) execFileSync("codesign", ["--remove-signature", out]);
  await inject(out, RESOURCE, readFileSync(blob), {
    sentinelFuse: FUSE,
    ...(isMac && { machoSegmentName: "NODE_SEA" }),
  });
  if (isMac) execFileSync("codesign", ["--sign", "-", out]);
  writeFileSync(`${out}.licences.txt`, licences);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`executable: ${relative(process.cwd(), out)}: ${(statSync(out).size / 1e6).toFixed(0)} MB`);
