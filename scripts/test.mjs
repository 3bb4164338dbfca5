// Types, lint, then the tests, project by project; closes with one line that counts them.
//
//   node scripts/test.mjs [--PROJECT…]   a project of vitest.config.ts; without one: unit and integration
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const asked = process.argv.slice(2).map((flag) => flag.replace("--", ""));
const projects = asked.length > 0 ? asked : ["unit", "integration"];
const results = mkdtempSync(join(tmpdir(), "internode-test-"));
const count = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
const started = Date.now();

process.on("exit", () => rmSync(results, { recursive: true, force: true }));
if (projects.includes("unit")) {
  step("format (npm run format writes it)", "prettier", "--check", "--log-level=warn", ".");
  step("types", "tsc");
  // What runs in a browser is checked with a browser's types.
  step("types of the page", "tsc", "-p", "agent/page/client");
  step("types of the page's tests", "tsc", "-p", "test/integration/page");
  step("lint", "oxlint", "--type-aware");
}
for (const project of projects) {
  const file = join(results, `${project}.json`);
  const { status } = run(
    "vitest",
    "run",
    "--project",
    project,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${file}`,
  );
  const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(readFileSync(file, "utf8"));
  failures.push(...testResults.flatMap(failuresOf));
  count.passed += numPassedTests;
  count.failed += numFailedTests;
  count.skipped += numPendingTests;
  // A file that does not even load fails no test of its own.
  if (status !== 0 && numFailedTests === 0) count.failed++;
}
// At the very end, where somebody who sees but the last lines of a log finds them.
for (const failure of failures) console.log(`\nFAILED ${failure}`);
console.log(`\n${projects.join(" and ")} tests took ${Math.round((Date.now() - started) / 1000)} s`);
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed > 0 || count.passed === 0 ? 1 : 0);

/** What failed in a file of vitest's JSON report: name and message each; a file that did not load, or a hook, counts as one. */
function failuresOf({ name, status, message, assertionResults }) {
  const file = name.replace(root, "");
  const failed = assertionResults.filter((test) => test.status === "failed");
  if (failed.length === 0 && status === "failed") return [`${file}\n${message}`];
  return failed.map((test) => `${file}: ${test.fullName}\n${test.failureMessages.join("\n")}`);
}

function step(name, ...command) {
  if (run(...command).status === 0) return;
  console.error(`\n${name}: failed`);
  process.exit(1);
}

function run(command, ...args) {
  // The machine's own Node may be older: vitest and the rest run on the one from the packages.
  const env = { ...process.env, PATH: `${root}node_modules/.bin:${process.env.PATH}:/usr/sbin:/sbin` };
  return spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], env });
}
