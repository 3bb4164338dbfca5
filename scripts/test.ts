// Types, lint, then the tests, project by project; closes with what was skipped and why, what failed, and one line that
// counts.
//
//   node scripts/node.mjs scripts/test.ts [--PROJECT…] [FILE…]
//
// PROJECT: of vitest.config.ts; none: unit and integration. FILE: only test files whose path has this in it, and neither
// types nor lint: `npm test -- test/wire`.
import { spawn, spawnSync, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { refusalOf } from "../lab/rights.ts";
import { inUserNamespace } from "../lab/user-namespace.ts";
import { add, report, type Summary } from "./test/summary.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const REPORTER = fileURLToPath(new URL("test/reporter.ts", import.meta.url));
/** Their labs need no more than a user namespace gives. */
const IN_A_LAB = ["integration", "slow", "long", "alerts", "live"];

const HELP = `Runs tests: npm test [-- FILE…]

  FILE  only test files whose path has this in it, and neither types nor lint: npm test -- test/wire

Other suites: npm run test:unit, test:integration and so on, with the same words (CONTRIBUTING.md lists them).`;

const asked = process.argv.slice(2);
if (asked.includes("--help") || asked.includes("-h")) {
  console.log(HELP);
  process.exit(0);
}
const files = asked.filter((word) => !word.startsWith("--"));
const flags = asked.filter((word) => word.startsWith("--")).map((flag) => flag.slice(2));
const projects = flags.length > 0 ? flags : ["unit", "integration"];
const folder = mkdtempSync(join(tmpdir(), "internode-test-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const started = Date.now();

// Side by side: the format alone takes as long as all the others.
if (projects.includes("unit") && files.length === 0)
  await check(
    [["format (npm run format writes it)", "prettier", "--check", "--log-level=warn", "."]],
    [
      ["types", "tsc"],
      // What runs in a browser is checked with a browser's types.
      ["types of the page", "tsc", "-p", "agent/page/client"],
      ["types of the page's tests", "tsc", "-p", "test/integration/page"],
      ["lint", "oxlint", "--type-aware"],
    ],
  );
const summaries: Partial<Summary>[] = [];
for (const project of projects) {
  const file = join(folder, `${project}.json`);
  const command = ["vitest", "run", "--project", project, "--reporter=default", `--reporter=${REPORTER}`];
  if (files.length > 0) command.push("--passWithNoTests", ...files);
  const { status } = run((await needsUserNamespace(project)) ? inUserNamespace(command) : command, {
    TEST_SUMMARY: file,
  });
  summaries.push(readSummary(project, file, status));
}
const summary = add(summaries);
console.log(`\n${projects.join(" and ")} tests took ${Math.round((Date.now() - started) / 1000)} s`);
// At the very end, where somebody who sees but the last lines of a log finds it.
console.log(report(summary));
// For who runs many of these (.ci/run).
const into = process.env["TEST_SUMMARY"];
if (into !== undefined) writeFileSync(into, JSON.stringify(summary));
process.exitCode = summary.failed > 0 || summary.passed === 0 ? 1 : 0;

/** Who may not make network namespaces on this machine may do so inside a user namespace. */
async function needsUserNamespace(project: string): Promise<boolean> {
  if (!IN_A_LAB.includes(project) || !(await refusalOf("namespaces"))) return false;
  const refusal = await refusalOf("user namespaces");
  if (!refusal) console.log(`\n${project}: in a user namespace, since the machine's own network is not ours to change`);
  return !refusal;
}

/** A run that ended without a summary, or badly though nothing in it failed, is a failure like any other. */
function readSummary(project: string, file: string, status: number | null): Partial<Summary> {
  let summary: Summary;
  try {
    summary = JSON.parse(readFileSync(file, "utf8")) as Summary;
  } catch {
    return { failed: 1, failures: [`${project}: vitest ended with ${status ?? "a signal"} and told nothing`] };
  }
  if (status === 0 || summary.failed > 0) return summary;
  return add([
    summary,
    { failed: 1, failures: [`${project}: vitest ended with ${status ?? "a signal"}, though no test failed`] },
  ]);
}

type Check = readonly [name: string, ...command: string[]];

/** Lanes side by side; all that fails is told before it ends. */
async function check(...lanes: readonly (readonly Check[])[]): Promise<void> {
  const failed: string[] = [];
  const runLane = async (lane: readonly Check[]): Promise<void> => {
    for (const [name, program, ...args] of lane) {
      const [status] = (await once(spawn(program!, args, surroundings()), "exit")) as [number | null];
      if (status !== 0) failed.push(name);
    }
  };
  await Promise.all(lanes.map(runLane));
  if (failed.length === 0) return;
  console.error(`\n${failed.join(", ")}: failed`);
  process.exit(1);
}

function run([program, ...args]: readonly string[], more: NodeJS.ProcessEnv = {}) {
  return spawnSync(program!, args, surroundings(more));
}

function surroundings(more: NodeJS.ProcessEnv = {}) {
  // Programs of the packages ask for `node`: this one, not an older one of the machine's.
  const path = [`${ROOT}node_modules/.bin`, dirname(process.execPath), process.env["PATH"], "/usr/sbin", "/sbin"];
  const env = { ...process.env, PATH: path.filter(Boolean).join(delimiter), ...more };
  return { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"], env } satisfies SpawnOptions;
}
