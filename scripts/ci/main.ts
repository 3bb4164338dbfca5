// `.ci/run [--keep-going] [SUITE…]`
import { readWords } from "../command-line.ts";
import { runPipeline } from "./pipeline.ts";
import { RULE_PARTS, stepsFor, SUITE_NAMES, type SuiteName } from "./suites.ts";

/** What a run may take before it stops by itself. */
const BUDGET_MINUTES = 80;
const DAY_MS = 24 * 3_600_000;

const HELP = `Runs what must hold before anything lands: .ci/run [--keep-going] [SUITE…]

  SUITE         ${SUITE_NAMES.join(", ")} (default: all)
  --keep-going  run the rest, too, when a suite has failed`;
const { values, positionals } = readWords(".ci/run", HELP, { "keep-going": { type: "boolean", default: false } });
const unknown = positionals.filter((name) => !(SUITE_NAMES as readonly string[]).includes(name));
if (unknown.length > 0) {
  console.error(`.ci/run: there is no suite ${unknown.join(", ")}; there are ${SUITE_NAMES.join(", ")}`);
  process.exit(2);
}
const names = positionals.length > 0 ? (positionals as SuiteName[]) : SUITE_NAMES;

// Of the scenarios of the rules every other one runs on the current Prometheus, a sixth on 2.42, others every day.
const part = process.env["RULES_PART"] ?? String(Math.floor(Date.now() / DAY_MS) % RULE_PARTS);
if (names.includes("long"))
  console.log(`--- rules: part ${part} of 0 to ${RULE_PARTS - 1}, by the date (RULES_PART=${part} repeats it)`);

/** Seconds since .ci/run began: what came before this process counts. */
const elapsedS = process.env["CI_STARTED"] === undefined ? 0 : Date.now() / 1_000 - Number(process.env["CI_STARTED"]);
const budgetS = Number(process.env["CI_BUDGET_S"] ?? BUDGET_MINUTES * 60);
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());

process.exitCode = await runPipeline({
  steps: stepsFor(names),
  budgetMs: budgetS * 1_000,
  elapsedMs: elapsedS * 1_000,
  keepGoing: values["keep-going"],
  env: { RULES_PART: part },
  signal: stop.signal,
});
