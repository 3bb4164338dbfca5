// Runs suites of tests, some side by side, against the clock, and says at the end how long each took.
import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { add, NOTHING, report, type Summary } from "../test/summary.ts";
import { table } from "../../agent/cli/text-table.ts";

export interface Suite {
  readonly name: string;
  readonly command: readonly string[];
  /** What it should take; the one that is furthest above is named when time runs out. */
  readonly minutes: number;
  /** It leaves no summary of tests: it only succeeds or fails. */
  readonly testless?: boolean;
  /** Its command takes test files, to run no others: what fails beside others is tried again alone. */
  readonly takesFiles?: boolean;
}

/** Lanes run side by side, the suites of a lane one after the other. */
export type Step = readonly (readonly Suite[])[];

export interface PipelineOptions {
  readonly steps: readonly Step[];
  /** Everything that still runs after this long is stopped. */
  readonly budgetMs: number;
  /** How much of it has gone already. */
  readonly elapsedMs?: number;
  /** A step that failed does not keep the next from running. */
  readonly keepGoing?: boolean;
  readonly env?: NodeJS.ProcessEnv;
  readonly write?: (text: string) => void;
  /** How often it says what is running. */
  readonly heartbeatMs?: number;
  readonly signal?: AbortSignal;
}

type Outcome = "passed" | "failed" | "too long" | "stopped";
interface Run {
  readonly suite: Suite;
  readonly child: ChildProcess;
  readonly startedMs: number;
  stopped?: Outcome;
}
interface Ended {
  readonly suite: Suite;
  readonly outcome: Outcome;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly summary: Summary;
  readonly isTriedAgain?: boolean;
}

/** More than so many files that fail are no accident. */
const MOST_AGAIN = 3;
/** What is told to stop has so long to clean up. */
const CLEANING_UP_MS = 30_000;

export async function runPipeline(options: PipelineOptions): Promise<number> {
  const {
    steps,
    budgetMs,
    elapsedMs = 0,
    keepGoing = false,
    write = (text) => void process.stdout.write(text),
  } = options;
  const say = (line: string) => write(`--- ${line}\n`);
  const folder = mkdtempSync(join(tmpdir(), "internode-ci-"));
  const startedMs = performance.now() - elapsedMs;
  // What this process ran before is none of the suites'.
  newlyReapedCpuMs();
  const running = new Set<Run>();
  const ended: Ended[] = [];
  const stopAll = (outcome: Outcome): void => {
    for (const run of running) {
      run.stopped = outcome;
      endGroup(run.child, "SIGTERM");
      setTimeout(() => endGroup(run.child, "SIGKILL"), CLEANING_UP_MS).unref();
    }
  };
  let over: Outcome | undefined;
  const end = (outcome: Outcome) => () => {
    over ??= outcome;
    stopAll(outcome);
  };
  const budget = setTimeout(end("too long"), budgetMs - elapsedMs);
  options.signal?.addEventListener("abort", end("stopped"));
  const heartbeat = setInterval(() => {
    const now = [...running].map(({ suite, startedMs }) => `${suite.name} (${minutes(performance.now() - startedMs)})`);
    say(`running: ${now.join(", ")}`);
  }, options.heartbeatMs ?? 60_000);
  const exiting = () => stopAll("stopped");
  process.on("exit", exiting);

  /** A machine that is busy with other suites loses packets and time for real: what failed has to fail alone, too. */
  const tryAgain = async (failed: Ended): Promise<void> => {
    const files = failedFiles(failed);
    if (over || files.length === 0 || files.length > MOST_AGAIN) return;
    const { suite } = failed;
    say(`${suite.name}: once more, alone: ${files.join(", ")}`);
    const command = [...suite.command, "--", ...files];
    const again = await runSuite({ suite: { ...suite, command }, folder, env: options.env, running, live: write });
    say(`${suite.name} ${again.outcome} alone after ${minutes(again.wallMs)}`);
    ended[ended.indexOf(failed)] = afterAll(failed, again);
  };

  const runLane = async (lane: readonly Suite[], isAlone: boolean): Promise<void> => {
    for (const suite of lane) {
      if (over) return;
      say(`${suite.name} begins`);
      const result = await runSuite({ suite, folder, env: options.env, running, live: isAlone ? write : undefined });
      // What runs beside others is printed whole.
      if (!isAlone) write(result.log);
      ended.push(result);
      say(`${suite.name} ${result.outcome} after ${minutes(result.wallMs)}`);
    }
  };
  try {
    for (const step of steps) {
      await Promise.all(step.map((lane) => runLane(lane, step.length === 1)));
      for (const one of ended.filter(({ outcome, isTriedAgain }) => outcome === "failed" && !isTriedAgain))
        await tryAgain(one);
      if (over || (!keepGoing && ended.some(({ outcome }) => outcome !== "passed"))) break;
    }
  } finally {
    clearTimeout(budget);
    clearInterval(heartbeat);
    process.off("exit", exiting);
    rmSync(folder, { recursive: true, force: true });
  }
  const total = performance.now() - startedMs;
  const notRun = steps.flat(2).filter((suite) => !ended.some((one) => one.suite === suite));
  write(`\n${timesTable(ended, notRun, total)}\n`);
  if (over === "too long") write(`\nstopped after ${minutes(budgetMs)}. ${whatWasTooLong(ended)}\n`);
  const summary = add(ended.map(({ summary }) => summary));
  write(`${report(summary)}\n`);
  return over || notRun.length > 0 || ended.some(({ outcome }) => outcome !== "passed") ? 1 : 0;
}

interface RunSuite {
  readonly suite: Suite;
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv | undefined;
  readonly running: Set<Run>;
  /** Where its output goes as it comes; undefined: nowhere until it has ended. */
  readonly live: ((text: string) => void) | undefined;
}

async function runSuite({ suite, folder, env, running, live }: RunSuite): Promise<Ended & { readonly log: string }> {
  const summaryFile = join(folder, `${suite.name}.json`);
  const logFile = join(folder, `${suite.name}.log`);
  const log = createWriteStream(logFile);
  const [program, ...args] = suite.command;
  const startedMs = performance.now();
  // A group of its own, so that all of it can be ended.
  const child = spawn(program!, args, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env, TEST_SUMMARY: summaryFile },
  });
  const run: Run = { suite, child, startedMs };
  running.add(run);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      log.write(text);
      live?.(text);
    });
  }
  /** How it ended. */
  const { promise, resolve } = Promise.withResolvers<string>();
  child.on("error", (err) => resolve(`could not be started: ${err.message}`));
  let cpuMs = 0;
  // The kernel adds what a process used to its parent's account at this moment.
  child.on("exit", () => (cpuMs = newlyReapedCpuMs()));
  child.on("close", (code, signal) => resolve(signal ?? `code ${code}`));
  const end = await promise;
  running.delete(run);
  await new Promise((done) => void log.end(done));
  const ended = run.stopped ?? (end === "code 0" ? "passed" : "failed");
  const summary = summaryOf({ suite, outcome: ended, file: summaryFile, end });
  return {
    suite,
    outcome: ended === "passed" && summary.failed > 0 ? "failed" : ended,
    wallMs: performance.now() - startedMs,
    cpuMs,
    summary,
    log: readFileSync(logFile, "utf8"),
  };
}

interface SummaryOf {
  readonly suite: Suite;
  readonly outcome: Outcome;
  readonly file: string;
  readonly end: string;
}

function summaryOf({ suite, outcome, file, end }: SummaryOf): Summary {
  const summary = readSummary(file);
  if (outcome === "passed")
    return summary ?? (suite.testless === true ? NOTHING : failureOf(`${suite.name}: it passed, and told of no test`));
  if (summary && summary.failed > 0) return summary;
  const how = { failed: `it ended with ${end}`, "too long": "it was stopped, out of time", stopped: "it was stopped" };
  return add([summary ?? NOTHING, failureOf(`${suite.name}: ${how[outcome]}`)]);
}

/** Those that a suite failed for, where it failed for nothing else. */
function failedFiles({ suite, summary: { failures } }: Ended): readonly string[] {
  const files = failures.map((text) => /^test\/\S+\.test\.ts(?=[: ])/.exec(text)?.[0]);
  return suite.takesFiles === true && files.every((file) => file !== undefined) ? [...new Set(files)] : [];
}

/** What failed and then passed alone counts as passed at the second try; what failed twice has failed as at first. */
function afterAll(first: Ended, again: Ended): Ended {
  const [wallMs, cpuMs] = [first.wallMs + again.wallMs, first.cpuMs + again.cpuMs];
  if (again.outcome !== "passed") return { ...first, wallMs, cpuMs, isTriedAgain: true };
  const { passed, failed, failures, secondTry } = first.summary;
  const summary = {
    ...first.summary,
    passed: passed + failed,
    failed: 0,
    failures: [],
    secondTry: [...secondTry, ...failures.map((text) => `${text.split("\n", 2).join("\n")} (passed alone)`)],
  };
  return { ...first, outcome: "passed", wallMs, cpuMs, summary, isTriedAgain: true };
}

const failureOf = (text: string): Summary => ({ ...NOTHING, failed: 1, failures: [text] });

/** Undefined for one that was stopped before it could sum up, and for what is no suite of tests. */
function readSummary(file: string): Summary | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Summary;
  } catch {
    return undefined;
  }
}

const minutes = (ms: number): string =>
  ms < 60_000 ? `${(ms / 1_000).toFixed(0)} s` : `${(ms / 60_000).toFixed(1)} min`;

function timesTable(ended: readonly Ended[], notRun: readonly Suite[], totalMs: number): string {
  const counts = ({ suite, summary: { passed, failed, skipped } }: Ended): string[] =>
    suite.testless === true ? ["", "", ""] : [passed, failed, skipped].map(String);
  return table([
    ["SUITE", "RESULT", "TOOK", "SHOULD", "CPU", "PASSED", "FAILED", "SKIPPED"],
    ...ended.map((one) => [
      one.suite.name,
      one.outcome,
      minutes(one.wallMs),
      `${one.suite.minutes} min`,
      minutes(one.cpuMs),
      ...counts(one),
    ]),
    ...notRun.map(({ name }) => [name, "not run"]),
    ["all", "", minutes(totalMs), "", minutes(ended.reduce((sum, { cpuMs }) => sum + cpuMs, 0))],
  ]);
}

function whatWasTooLong(ended: readonly Ended[]): string {
  const overrun = ({ suite, wallMs }: Ended): number => wallMs - suite.minutes * 60_000;
  const [worst] = ended.toSorted((a, b) => overrun(b) - overrun(a));
  const unfinished = ended.filter(({ outcome }) => outcome === "too long").map(({ suite }) => suite.name);
  return `Too long: ${worst!.suite.name}, ${minutes(worst!.wallMs)} where it should take ${worst!.suite.minutes} min. Not finished: ${unfinished.join(", ")}`;
}

function endGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (err) {
    // All of it has ended meanwhile.
    if ((err as NodeJS.ErrnoException).code !== "ESRCH") throw err;
  }
}

let reapedMs = 0;
/** Processor time of the children that have ended since this was last asked, their own ended children included. */
function newlyReapedCpuMs(): number {
  const stat = readFileSync("/proc/self/stat", "utf8");
  // proc(5): cutime and cstime are fields 16 and 17, in ticks of 10 ms; what follows the command begins with field 3.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const before = reapedMs;
  reapedMs = (Number(fields[13]) + Number(fields[14])) * 10;
  return reapedMs - before;
}
