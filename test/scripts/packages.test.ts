import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { outdatedPackages } from "../../scripts/packages.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
let checkout: string;
beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), "internode-checkout-"));
  writeFileSync(
    join(checkout, "package.json"),
    JSON.stringify({ type: "module", dependencies: { left: "1.0.0", "@a/b": "2.0.0" } }),
  );
  install("left", "1.0.0");
  install("@a/b", "2.0.0");
});
afterEach(() => rmSync(checkout, { recursive: true }));

function install(name: string, version: string): void {
  mkdirSync(join(checkout, "node_modules", name), { recursive: true });
  writeFileSync(join(checkout, "node_modules", name, "package.json"), JSON.stringify({ version }));
}

test("packages as asked for are fine, and so are those of this checkout", () => {
  expect(outdatedPackages(checkout)).toEqual([]);
  expect(outdatedPackages(ROOT)).toEqual([]);
});

test("one that is missing and one of another version are named", () => {
  rmSync(join(checkout, "node_modules", "left"), { recursive: true });
  install("@a/b", "1.9.0");
  expect(outdatedPackages(checkout)).toEqual(["left is missing", "@a/b is 1.9.0 and should be 2.0.0"]);
});

test("the command says what to run, in one line, instead of a stack trace", async () => {
  rmSync(join(checkout, "node_modules"), { recursive: true });
  for (const file of ["bin/internode.mjs", "scripts/node.mjs", "scripts/packages.mjs"])
    cpSync(join(ROOT, file), join(checkout, file));
  const said = await new Promise<{ code: unknown; stderr: string }>((done) => {
    execFile(process.execPath, [join(checkout, "bin/internode.mjs"), "version"], (err, _, stderr) =>
      done({ code: err?.code ?? 0, stderr }),
    );
  });
  expect(said).toEqual({
    code: 1,
    stderr: expect.stringMatching(/^internode: .*left is missing.*run 'npm ci' in .*\n$/) as string,
  });
});
