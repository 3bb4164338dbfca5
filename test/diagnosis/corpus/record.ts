// Records what a judge sees of real agents: in labs, scene after scene of the plan, or of a mesh that somebody else breaks.
//
//   node scripts/node.mjs test/diagnosis/corpus/record.ts --nodes 6 [--only TEXT] [--again] [--never-tuned-on]
//   node scripts/node.mjs test/diagnosis/corpus/record.ts --url http://127.0.0.1:8843 --name NAME --what TEXT \
//     --break COMMAND --repair COMMAND --truth "CODE SUBJECT CAUSE"… [--seconds 90] [--never-tuned-on]
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Verdict } from "../../../agent/model/finding.ts";
import type { Identity } from "../../../agent/model/identity.ts";
import type { Peer } from "../../../agent/model/peer.ts";
import type { Snapshot } from "../../../agent/model/snapshot.ts";
import { createLab } from "../../../lab/lab.ts";
import { fetchSocket } from "../../support/fetch-socket.ts";
import { endWith } from "../../live/end-with.ts";
import { JUDGE, scenesOf, SIZES, ZONES } from "./plan.ts";
import { compactRowOf, FORMAT, parseTruth, writeRecording, type Heading, type Look } from "./recording.ts";

const EVERY_MS = 10_000;
const BEFORE_S = 20;
const AFTER_S = 20;
/** What was lost before leaves the minute that rows tell of. */
const REST_S = 65;
const SETTLED_WITHIN_MS = 600_000;

const { values } = parseArgs({
  options: {
    nodes: { type: "string" },
    only: { type: "string", default: "" },
    again: { type: "boolean", default: false },
    url: { type: "string" },
    name: { type: "string", default: "" },
    what: { type: "string", default: "" },
    break: { type: "string" },
    repair: { type: "string" },
    truth: { type: "string", multiple: true, default: [] },
    seconds: { type: "string", default: "90" },
    "never-tuned-on": { type: "boolean", default: false },
  },
});

const say = (text: string): void => void process.stdout.write(`${text}\n`);

type Ask = <T>(path: string) => Promise<T>;
interface Recorded extends Pick<Heading, "what" | "faults" | "truths" | "isNeverTunedOn"> {
  readonly ask: Ask;
  readonly file: URL;
  readonly seconds: number;
  readonly break: () => Promise<unknown>;
  readonly repair: () => Promise<unknown>;
}

const fileOf = (name: string): URL => new URL(`recorded/${name}.recording`, import.meta.url);

async function record(scene: Recorded): Promise<void> {
  const { ask, file, seconds, what, faults, truths, isNeverTunedOn } = scene;
  const looks: Look[] = [];
  const watch = async (forS: number): Promise<void> => {
    for (const untilMs = Date.now() + forS * 1_000; Date.now() < untilMs;) {
      const nextMs = Math.min(untilMs, Date.now() + EVERY_MS);
      looks.push(await lookAt(ask));
      await sleep(Math.max(0, nextMs - Date.now()));
    }
  };
  await watch(BEFORE_S);
  const span: { since?: string; until?: string } = {};
  try {
    if (faults.length > 0) span.since = new Date().toISOString();
    await scene.break();
    await watch(seconds);
  } finally {
    await scene.repair();
  }
  if (faults.length > 0) span.until = new Date().toISOString();
  await watch(AFTER_S);
  const day = new Date().toISOString().slice(0, 10);
  const heading: Heading = { format: FORMAT, what, day, faults, truths, isNeverTunedOn, ...span };
  const bytes = writeRecording({ ...heading, looks });
  writeFileSync(file, bytes);
  say(`${file.pathname}: ${looks.length} judgements, ${bytes.length} bytes`);
}

async function lookAt(ask: Ask): Promise<Look> {
  const [snapshot, { peers }, identity] = await Promise.all([
    ask<Snapshot>("/api/v1/mesh"),
    ask<{ readonly peers: readonly Peer[] }>("/api/v1/peers"),
    ask<Identity>("/api/v1/identity"),
  ]);
  const known = new Map<string, Pick<Look["nodes"][number], "serving" | "addresses">>([
    [identity.node.name, { addresses: { pod: identity.podAddresses, node: identity.nodeAddresses } }],
    ...peers.map(({ node, serving, addresses }) => [node.name, { serving, addresses }] as const),
  ]);
  return {
    at: snapshot.at,
    judge: snapshot.by.name,
    nodes: snapshot.nodes.map((node) => ({ node, ...known.get(node.name) })),
    missing: snapshot.missing,
    rows: new Map(snapshot.rows.map((row) => [row.source.name, compactRowOf(row)])),
  };
}

/** Until all agents tell, and their judges find nothing. */
async function settled(ask: Ask): Promise<void> {
  const isFine = async (): Promise<boolean> => {
    const { state } = await ask<Verdict>("/api/v1/verdict");
    return state === "fine";
  };
  for (const untilMs = Date.now() + SETTLED_WITHIN_MS; !(await isFine().catch(() => false)); await sleep(2_000))
    if (Date.now() > untilMs) throw new Error(`not all is fine after ${SETTLED_WITHIN_MS / 60_000} minutes`);
}

async function recordLab(size: (typeof SIZES)[number]): Promise<void> {
  await using lab = await createLab({ nodes: size, zones: ZONES, servicePath: true });
  endWith(lab);
  const ask: Ask = async (path) => JSON.parse(await fetchSocket(lab.target(JUDGE, "http").path, path));
  for (const { name, faults, truths, seconds } of scenesOf(size)) {
    const file = fileOf(`${size}-${name}`);
    if (!name.includes(values.only) || (existsSync(file) && !values.again)) continue;
    await settled(ask);
    await sleep(REST_S * 1_000);
    await record({
      ask,
      file,
      what: `${size} nodes in ${ZONES} zones: ${name.replaceAll("-", " ")}`,
      faults,
      truths,
      seconds,
      isNeverTunedOn: values["never-tuned-on"],
      break: async () => {
        for (const fault of faults) await lab.inject(fault);
      },
      repair: () => lab.clear(),
    }).catch((err: unknown) => say(`${file.pathname}: ${String(err)}`));
  }
}

const size = SIZES.find((one) => String(one) === values.nodes);
const { url, repair, name } = values;
const fault = values.break;
if (url !== undefined && name !== "" && (fault === undefined) === (repair === undefined)) {
  const shell = async (command: string | undefined): Promise<void> => {
    if (command !== undefined) execFileSync("sh", ["-c", command], { stdio: "inherit" });
  };
  await record({
    ask: async <T>(path: string) => (await (await fetch(new URL(path, url))).json()) as T,
    file: fileOf(name),
    what: values.what,
    faults: fault === undefined ? [] : [fault],
    truths: values.truth.map(parseTruth),
    seconds: Number(values.seconds),
    isNeverTunedOn: values["never-tuned-on"],
    break: () => shell(fault),
    repair: () => shell(repair),
  });
} else if (size !== undefined) await recordLab(size);
else
  throw new Error(`say which mesh: --nodes ${SIZES.join(", ")}; or --url and --name, with both --break and --repair`);
