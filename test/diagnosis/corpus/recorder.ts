// Records one scene of a mesh, whatever runs it: what a judge gets to see before, while and after something is broken.
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Verdict } from "../../../agent/model/finding.ts";
import type { Identity } from "../../../agent/model/identity.ts";
import type { Peer } from "../../../agent/model/peer.ts";
import type { Snapshot } from "../../../agent/model/snapshot.ts";
import { compactRowOf, FORMAT, writeRecording, type Heading, type Look } from "./recording.ts";

const EVERY_MS = 10_000;
const BEFORE_MS = 20_000;
const AFTER_MS = 20_000;
/** What was lost before leaves the minute that rows tell of. */
const REST_MS = 65_000;
const SETTLED_WITHIN_MS = 600_000;

export const say = (text: string): void => void process.stdout.write(`${text}\n`);
export const fileOf = (name: string): URL => new URL(`recorded/${name}.recording`, import.meta.url);

/** What an agent answers to who is at its loopback. */
export type Ask = <T>(path: string) => Promise<T>;

/** Who is asked; `isReadinessTold` as EvidenceSources has it. */
export interface Asked {
  readonly ask: Ask;
  readonly isReadinessTold: boolean;
}

export interface Recorded extends Asked, Pick<Heading, "what" | "faults" | "truths" | "isNeverTunedOn"> {
  readonly file: URL;
  readonly seconds: number;
  /** Returns when it is broken. */
  readonly break: () => Promise<unknown>;
  /** Returns when all is as it was. */
  readonly repair: () => Promise<unknown>;
}

export async function record(scene: Recorded): Promise<void> {
  const { file, seconds, what, faults, truths, isNeverTunedOn } = scene;
  const span: { since?: string; until?: string } = {};
  const ended = new AbortController();
  const watched = watch(scene, { everyMs: EVERY_MS, ended: ended.signal });
  // Told below, when what is broken is whole again.
  watched.catch(() => {});
  try {
    await sleep(BEFORE_MS);
    try {
      await scene.break();
      if (faults.length > 0) span.since = new Date().toISOString();
      await sleep(seconds * 1_000);
    } finally {
      await scene.repair();
    }
    if (faults.length > 0) span.until = new Date().toISOString();
    await sleep(AFTER_MS);
  } finally {
    ended.abort();
  }
  const looks = await watched;
  const day = new Date().toISOString().slice(0, 10);
  const heading: Heading = { format: FORMAT, what, day, faults, truths, isNeverTunedOn, ...span };
  const bytes = writeRecording({ ...heading, looks });
  writeFileSync(file, bytes);
  say(`${file.pathname}: ${looks.length} judgements, ${bytes.length} bytes`);
}

/** Looks until it has ended. */
export async function watch(
  asked: Asked,
  { everyMs, ended }: { readonly everyMs: number; readonly ended: AbortSignal },
): Promise<readonly Look[]> {
  const looks: Look[] = [];
  while (!ended.aborted) {
    const nextMs = Date.now() + everyMs;
    looks.push(await lookAt(asked));
    await sleep(Math.max(0, nextMs - Date.now()), undefined, { signal: ended }).catch(() => {});
  }
  return looks;
}

async function lookAt({ ask, isReadinessTold }: Asked): Promise<Look> {
  const [snapshot, { peers }, identity] = await Promise.all([
    ask<Snapshot>("/api/v1/mesh"),
    ask<{ readonly peers: readonly Peer[] }>("/api/v1/peers"),
    ask<Identity>("/api/v1/identity"),
  ]);
  const known = new Map<string, Pick<Look["nodes"][number], "serving" | "addresses">>([
    [identity.node.name, { addresses: { pod: identity.podAddresses, node: identity.nodeAddresses } }],
    ...peers.map(({ node, serving, addresses }) => {
      return [node.name, { ...(isReadinessTold && { serving }), addresses }] as const;
    }),
  ]);
  return {
    at: snapshot.at,
    judge: snapshot.by.name,
    nodes: snapshot.nodes.map((node) => ({ node, ...known.get(node.name) })),
    missing: snapshot.missing,
    rows: new Map(snapshot.rows.map((row) => [row.source.name, compactRowOf(row)])),
  };
}

/** All agents tell, their judges find nothing, and no row tells of what was before. */
export async function rested(ask: Ask): Promise<void> {
  const isFine = async (): Promise<boolean> => {
    const { state } = await ask<Verdict>("/api/v1/verdict");
    return state === "fine";
  };
  for (const untilMs = Date.now() + SETTLED_WITHIN_MS; !(await isFine().catch(() => false)); await sleep(2_000))
    if (Date.now() > untilMs) throw new Error(`not all is fine after ${SETTLED_WITHIN_MS / 60_000} minutes`);
  await sleep(REST_MS);
}
