// Seconds from a fault to the verdict that names it, with real agents in a lab, trial by trial.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CODES } from "../../agent/diagnosis/catalogue/codes.ts";
import type { Finding, Verdict } from "../../agent/model/finding.ts";
import type { Lab } from "../../lab/lab.ts";
import { watch } from "../diagnosis/corpus/recorder.ts";
import { FORMAT, writeRecording, type Look } from "../diagnosis/corpus/recording.ts";
import { fetchSocket } from "../support/fetch-socket.ts";
import { nameOf, placeOf } from "../support/finding-names.ts";
import type { Kind } from "./kinds.ts";

export const WITHIN_S = 180;
/** Loss of half and more. */
export const HEAVY_P95_S = 20;
const OVER_WITHIN_S = 900;
/** A fault begins anywhere between two looks of the judges. */
const REST_MS = 10_000;
const ASK_EVERY_MS = 250;
/** Agents that have just started have lost probes to each other. */
const STARTING_MS = 60_000;
const CALM_WITHIN_S = 600;

export interface Trial {
  readonly began: Date;
  /** Undefined: not within `WITHIN_S`. */
  readonly seconds: number | undefined;
  /** What was said besides: findings that were not there before, of another subject. */
  readonly wrong: readonly string[];
}

export const verdictOf = async (lab: Lab, node: string): Promise<Verdict> =>
  JSON.parse(await fetchSocket(lab.target(node, "http").path, "/api/v1/verdict")) as Verdict;

export const told = ({ findings }: Pick<Verdict, "findings">): string[] => findings.map(nameOf);
/** Of the network: a starved agent is the machine's own. */
const isLoss = ({ code }: Finding): boolean => CODES[code].isLoss && code !== "IN-AGENT-STARVED";

export async function until(
  { lab, node, withinS }: { readonly lab: Lab; readonly node: string; readonly withinS: number },
  isSo: (verdict: Verdict) => boolean,
): Promise<number> {
  const startMs = Date.now();
  let last = "nothing was asked";
  while (Date.now() - startMs < withinS * 1_000) {
    try {
      const verdict = await verdictOf(lab, node);
      if (isSo(verdict)) return (Date.now() - startMs) / 1_000;
      last = `${verdict.text} (${told(verdict).join("; ")})`;
    } catch (err) {
      // While an agent starts, nothing listens.
      last = String(err);
    }
    await sleep(ASK_EVERY_MS);
  }
  throw new Error(`not within ${withinS} s: ${last}`);
}

/** Until the judges have watched this lab for long enough to know it. */
export async function settle(lab: Lab, node: string): Promise<void> {
  await until({ lab, node, withinS: CALM_WITHIN_S }, ({ state }) => state === "fine");
  await sleep(STARTING_MS);
}

/** As often as a judge looks when losses have just begun. */
const LOOK_EVERY_MS = 2_500;

/** `keep`: the folder for what a judge saw in it, where it was late or named something wrong. */
export async function trial(lab: Lab, asked: string, kind: Kind, turn: number, keep?: string): Promise<Trial> {
  if (keep === undefined) return timed(lab, asked, kind, turn);
  const ended = new AbortController();
  const ask = async <T>(path: string): Promise<T> =>
    JSON.parse(await fetchSocket(lab.target(asked, "http").path, path)) as T;
  const watched = watch({ ask, isReadinessTold: false }, { everyMs: LOOK_EVERY_MS, ended: ended.signal });
  // Told below, if it is needed.
  watched.catch(() => {});
  const result = await timed(lab, asked, kind, turn).finally(() => ended.abort());
  const isLate = kind.isHeavy && (result.seconds ?? Infinity) > HEAVY_P95_S;
  if (isLate || result.wrong.length > 0) keepLooks(keep, { kind, turn, since: result.began, looks: await watched });
  return result;
}

function keepLooks(
  folder: string,
  {
    kind,
    turn,
    since,
    looks,
  }: { readonly kind: Kind; readonly turn: number; readonly since: Date; readonly looks: readonly Look[] },
): void {
  mkdirSync(folder, { recursive: true });
  const bytes = writeRecording({
    format: FORMAT,
    what: `${kind.what}: ${kind.subject(turn)}`,
    day: since.toISOString().slice(0, 10),
    faults: kind.faults(turn),
    truths: [],
    isNeverTunedOn: false,
    since: since.toISOString(),
    looks,
  });
  writeFileSync(join(folder, `${since.toISOString().replaceAll(":", "-")}.recording`), bytes);
}

/** Breaks it, waits for the verdict, repairs it, and waits until nothing is open any more. `asked`: an agent that no fault touches. */
async function timed(lab: Lab, asked: string, kind: Kind, turn: number): Promise<Trial> {
  const at = { lab, node: asked };
  await until({ ...at, withinS: OVER_WITHIN_S }, ({ findings }) => !findings.some(isLoss));
  await sleep(REST_MS * Math.random());
  const subject = kind.subject(turn);
  // A machine that starves agents all the time says so all the time.
  const before = new Set(told(await verdictOf(lab, asked)));
  const wrong = new Set<string>();
  const isNamed = ({ findings }: Verdict): boolean => {
    for (const finding of findings)
      if (placeOf(finding.subject) !== subject && !before.has(nameOf(finding))) wrong.add(nameOf(finding));
    return findings.some((finding) => isLoss(finding) && placeOf(finding.subject) === subject);
  };
  const startMs = Date.now();
  try {
    for (const fault of kind.faults(turn)) await lab.inject(fault);
    await until({ ...at, withinS: WITHIN_S }, isNamed);
    return { began: new Date(startMs), seconds: (Date.now() - startMs) / 1_000, wrong: [...wrong] };
  } catch (err) {
    if (!(err instanceof Error && err.message.startsWith("not within"))) throw err;
    return { began: new Date(startMs), seconds: undefined, wrong: [...wrong] };
  } finally {
    await lab.clear();
  }
}
