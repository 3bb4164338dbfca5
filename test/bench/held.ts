// Round trips that take 5 ms because the far end holds every packet that long and logs for how long exactly: how far
// is a report from the log when the prober is at rest, when its event loop is busy with something else, and when it
// hardly gets any CPU time?
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { limitCpu } from "../../lab/cpu-quota.ts";
import { vethPair, type VethPair } from "../support/veth.ts";
import { converse, type Conversation } from "./conversation.ts";
import type { Held } from "./held-reflector.worker.ts";
import { fetchFrom } from "./scraped.ts";
import { smokepingCommand, smokepingTotals } from "./smokeping.ts";
import { atLeast, atMost, mean, quantile, type Bar, type Cell, type Figure } from "./table.ts";

const HOLD_MS = 5;
const COUNT = 600;
const PERIOD_MS = 10;
const QUOTA = 0.1;
/** Under the quota the rivals fall behind their schedule: what they have by then is judged. */
const AT_MOST_S = (2 * COUNT * PERIOD_MS) / 1000;
const TARGET = "10.98.0.2";
/** Of the log: a packet that came, or left, while the reflector itself was held up judges nobody. */
const LONGEST_UNSEEN_NS = 15e3;
const LONGEST_WRITING_NS = 60e3;
/** The reflector never sleeps and has a core of its own (but for 5 % of it, sched_rt_runtime_us). */
const CORES = { prober: "0", reflector: "1" };
const worker = (name: string) => fileURLToPath(new URL(`./${name}.worker.ts`, import.meta.url));

const HARDSHIP_NAMES = ["rest", "blocked", "quota"] as const;
type Hardship = (typeof HARDSHIP_NAMES)[number];
const HARDSHIPS: Readonly<Record<Hardship, string>> = {
  rest: "at rest",
  blocked: "event loop blocked 80 ms in every 200",
  quota: "10 % CPU quota shared with a busy loop",
};

/** Delays by sequence number, counted from the first that was sent; or, of those who do not tell, the mean alone. */
type Reported = { readonly rttsNs: readonly (number | null)[] } | { readonly meanNs: number; readonly answers: number };

interface Rival {
  readonly name: string;
  readonly hardships: readonly Hardship[];
  readonly measure: (pair: VethPair, hardship: Hardship) => Promise<Reported>;
}

let groups = 0;
const limited = (pid: number) =>
  limitCpu({ labId: `bench${process.pid}`, name: `quota-${++groups}`, pid, ratio: QUOTA });

async function ours(pair: VethPair, hardship: Hardship): Promise<Reported> {
  await using prober = converse(
    pair.start(
      pair.near,
      "taskset",
      "-c",
      CORES.prober,
      process.execPath,
      worker("held"),
      TARGET,
      String(COUNT),
      String(PERIOD_MS),
      hardship,
    ),
  );
  await prober.heard();
  await using quotas = new AsyncDisposableStack();
  if (hardship === "quota") quotas.use(await limited(prober.pid));
  prober.say("go");
  return { rttsNs: JSON.parse(await prober.heard()) as (number | null)[] };
}

/** Run a command line, under the quota beside a busy loop when that is asked for. */
async function shell<T>(
  pair: VethPair,
  { hardship, command }: { readonly hardship: Hardship; readonly command: string },
  use: (shell: Conversation) => Promise<T>,
): Promise<T> {
  const competitor = hardship === "quota" ? "(while :; do :; done) & competitor=$!;" : "competitor=;";
  const script = `read go; ${competitor} ${command}; [ -z "$competitor" ] || kill $competitor; echo; echo done`;
  await using sh = converse(pair.start(pair.near, "taskset", "-c", CORES.prober, "setsid", "sh", "-c", script));
  await using quotas = new AsyncDisposableStack();
  if (hardship === "quota") quotas.use(await limited(sh.pid));
  sh.say("go");
  try {
    return await use(sh);
  } finally {
    // The busy loop and the program are of its own process group.
    try {
      process.kill(-sh.pid, "SIGKILL");
    } catch {
      // All have ended.
    }
  }
}

async function outputOf(pair: VethPair, hardship: Hardship, command: string): Promise<string[]> {
  return shell(pair, { hardship, command }, async (sh) => {
    const lines: string[] = [];
    for (;;) {
      const line = await sh.heard();
      if (line === "done") return lines;
      lines.push(line);
    }
  });
}

async function fping(pair: VethPair, hardship: Hardship): Promise<Reported> {
  const lines = await outputOf(
    pair,
    hardship,
    `timeout -s INT ${AT_MOST_S} fping -q -C ${COUNT} -p ${PERIOD_MS} -b 56 ${TARGET} 2>&1`,
  );
  const reports = lines
    .find((line) => line.includes(" : "))!
    .split(" : ")[1]!
    .trim()
    .split(" ");
  return { rttsNs: reports.map((ms) => (ms === "-" ? null : Number(ms) * 1e6)) };
}

async function ping(pair: VethPair, hardship: Hardship): Promise<Reported> {
  const lines = await outputOf(
    pair,
    hardship,
    `timeout -s INT ${AT_MOST_S} ping -c ${COUNT} -i ${PERIOD_MS / 1000} ${TARGET}`,
  );
  const rttsNs: (number | null)[] = Array.from({ length: COUNT }, () => null);
  for (const line of lines) {
    const found = /icmp_seq=(\d+) .*time=([\d.]+) ms/.exec(line);
    if (found) rttsNs[Number(found[1]) - 1] = Number(found[2]) * 1e6;
  }
  return { rttsNs };
}

async function smokeping(pair: VethPair, hardship: Hardship): Promise<Reported> {
  return shell(pair, { hardship, command: smokepingCommand(PERIOD_MS, [TARGET]).join(" ") }, async () => {
    await fetchFrom(pair.near, "http://127.0.0.1:9374/metrics");
    await sleep(COUNT * PERIOD_MS);
    const { answers, meanNs } = await smokepingTotals(pair.near);
    return { answers, meanNs };
  });
}

interface Judged {
  readonly row: Cell[];
  readonly count: number;
  readonly p99Ns: number;
}

/** Measure against a reflector of its own, so that its log is of this prober only. */
async function judge(pair: VethPair, rival: Rival, hardship: Hardship): Promise<Judged> {
  const folder = mkdtempSync(join(tmpdir(), "internode-bench-"));
  const stopFile = join(folder, "stop");
  try {
    await using reflector = converse(
      pair.start(
        pair.near,
        "chrt",
        "-f",
        "50",
        "taskset",
        "-c",
        CORES.reflector,
        process.execPath,
        worker("held-reflector"),
        TARGET,
        String(HOLD_MS),
        stopFile,
      ),
    );
    await reflector.heard();
    const reported = await rival.measure(pair, hardship);
    writeFileSync(stopFile, "");
    return compare(`${rival.name}, ${HARDSHIPS[hardship]}`, reported, JSON.parse(await reflector.heard()) as Held[]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function compare(name: string, reported: Reported, log: readonly Held[]): Judged {
  const us = (ns: number) => ns / 1000;
  const certain = log.filter((held) => held.unseenNs <= LONGEST_UNSEEN_NS && held.writingNs <= LONGEST_WRITING_NS);
  if ("meanNs" in reported) {
    const heldNs = mean(log.map((held) => held.heldNs));
    return {
      row: [
        name,
        reported.answers,
        undefined,
        undefined,
        undefined,
        us(reported.meanNs),
        us(Math.abs(reported.meanNs - heldNs)),
      ],
      count: 0,
      p99Ns: NaN,
    };
  }
  const { rttsNs } = reported;
  const first = Math.min(...log.map((held) => held.sequence));
  const judged = certain.flatMap(({ sequence, heldNs }) => {
    const said = rttsNs[sequence - first];
    return said == null ? [] : [{ said, errorNs: Math.abs(said - heldNs) }];
  });
  const errors = judged.map((j) => j.errorNs);
  const p99Ns = quantile(errors, 0.99);
  return {
    row: [
      name,
      rttsNs.filter((ns) => ns !== null).length,
      judged.length,
      us(quantile(errors, 0.5)),
      us(p99Ns),
      us(mean(judged.map((j) => j.said))),
      us(mean(errors)),
    ],
    count: judged.length,
    p99Ns,
  };
}

const RIVALS: readonly Rival[] = [
  { name: "internode", hardships: HARDSHIP_NAMES, measure: ours },
  { name: "fping", hardships: ["rest", "quota"], measure: fping },
  { name: "ping", hardships: ["rest", "quota"], measure: ping },
  { name: "smokeping_prober", hardships: ["rest", "quota"], measure: smokeping },
];

export async function run(): Promise<Figure> {
  using pair = vethPair();
  const rows: Cell[][] = [];
  const judgements = new Map<string, Judged>();
  for (const rival of RIVALS) {
    for (const hardship of rival.hardships) {
      const judged = await judge(pair, rival, hardship);
      rows.push(judged.row);
      judgements.set(`${rival.name}/${hardship}`, judged);
    }
  }
  const [rest, blocked, quota] = HARDSHIP_NAMES.map((hardship) => judgements.get(`internode/${hardship}`)!);
  const beyondRest = (hardship: Hardship, { p99Ns }: Judged): Bar =>
    atMost(20, {
      what: `RTT error p99 beyond that at rest: ${HARDSHIPS[hardship]}`,
      value: (p99Ns - rest!.p99Ns) / 1000,
      unit: "µs",
    });
  const bars = [
    beyondRest("blocked", blocked!),
    beyondRest("quota", quota!),
    atLeast(COUNT / 2, { what: `of ${COUNT} probes judged: ${HARDSHIPS.quota}`, value: quota!.count }),
  ];
  return {
    tables: [
      {
        title: `Round trips held for ${HOLD_MS} ms by a reflector that logs every hold, ${COUNT} probes ${PERIOD_MS} ms apart`,
        columns: ["", "answered", "judged", "error p50 µs", "error p99 µs", "mean µs", "mean error µs"],
        rows,
        note: `judged: not those during which the reflector itself was interrupted when they came or left; smokeping_prober publishes only sums, so its error is that of the mean`,
      },
    ],
    bars,
  };
}
