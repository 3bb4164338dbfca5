// `.ci/run [--keep-going] [SUITE…]`
import { parseArgs } from "node:util";
import { runPipeline } from "./pipeline.ts";
import { stepsFor, SUITE_NAMES, type SuiteName } from "./suites.ts";

/** What a run may take before it stops by itself. */
const BUDGET_MINUTES = 80;
const DAY_MS = 24 * 3_600_000;

const { values, positionals } = parseArgs({
  options: { "keep-going": { type: "boolean", default: false } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !(SUITE_NAMES as readonly string[]).includes(name));
if (unknown.length > 0) {
  console.error(`.ci/run: there is no suite ${unknown.join(", ")}; there are ${SUITE_NAMES.join(", ")}`);
  process.exit(2);
}
const names = positionals.length > 0 ? (positionals as SuiteName[]) : SUITE_NAMES;

// The scenarios of the rules run on the current Prometheus every time, on 2.42 a third of them, another one every day.
const third = process.env["RULES_THIRD"] ?? String(Math.floor(Date.now() / DAY_MS) % 3);
if (names.includes("long"))
  console.log(`--- rules on Prometheus 2.42: third ${third} of 0, 1, 2, by the date (RULES_THIRD=${third} repeats it)`);

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
  env: { RULES_THIRD: third },
  signal: stop.signal,
});
