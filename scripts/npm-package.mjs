// Makes the package with which npm installs the command line: one script without a dependency, so that nothing is compiled
// and nothing else is fetched. It is a program of kubectl's too, by its second name.
//
//   node scripts/node.mjs scripts/npm-package.mjs [--out FOLDER]      (default dist: dist/internode-VERSION.tgz)
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { readOptions } from "./command-line.ts";
import { bundleProgram, root } from "./program.mjs";

const HELP = `Makes the package with which npm installs the command line: npm run package [-- OPTIONS]

  --out FOLDER  where (default dist: dist/internode-VERSION.tgz)`;
const values = readOptions("package", HELP, { out: { type: "string", default: join(root, "dist") } });
const out = resolve(values.out);
const { version, description, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** Runs on whatever Node.js there is: npm only warns of one that is too old. */
const START = `#!/usr/bin/env node
"use strict";
if (Number(process.versions.node.split(".")[0]) < 24) {
  console.error("internode: Node.js 24 or newer is needed, and this is " + process.version + ". Install it, or take the executable, which needs none");
  process.exit(1);
}
// What is compiled once is kept for the next start.
require("node:module").enableCompileCache();
require("./program.cjs");
`;

const README = `# internode

${description}. This package is its command line: \`internode --help\` and, as a plugin of kubectl, \`kubectl internode --help\`.
`;

const folder = mkdtempSync(join(tmpdir(), "internode-package-"));
try {
  writeFileSync(join(folder, "THIRD-PARTY-LICENSES.txt"), await bundleProgram(join(folder, "program.cjs")));
  writeFileSync(join(folder, "internode.cjs"), START, { mode: 0o755 });
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({
      name: "internode",
      version,
      description,
      license,
      engines: { node: ">=24" },
      bin: { internode: "internode.cjs", "kubectl-internode": "internode.cjs" },
    }),
  );
  copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  writeFileSync(join(folder, "README.md"), README);
  mkdirSync(out, { recursive: true });
  const [{ filename, size }] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--pack-destination", out], { cwd: folder, encoding: "utf8" }),
  );
  console.log(`package: ${relative(process.cwd(), join(out, filename))}: ${(size / 1e6).toFixed(1)} MB`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
