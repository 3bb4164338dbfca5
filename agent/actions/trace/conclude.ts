// What a trace says, in sentences. Pure.
//
// A router that answers less often than it is asked loses nothing: errors are limited, and some routers send none. Only
// what does not come back from the target is loss, and a probe is a round trip: it may be lost on either way.
import { counted, formatLoss, listed } from "../../base/format.ts";
import { LOSSY_RATIO } from "../../model/thresholds.ts";
import type { Hop, PortEnd, TraceReport } from "./report.ts";

export interface Conclusion {
  readonly isFault: boolean;
  readonly text: string;
  /** What else is worth knowing. */
  readonly notes: readonly string[];
}

/** Fewer lost probes of a port than this say nothing about it. */
const MIN_LOST = 2;
/** A share of routers' answers that differs by no more than this from the loss at the end is the same loss. */
const SAME_LOSS = 0.5;

export function concludeTrace(trace: TraceReport): Conclusion {
  const notes = notesOf(trace);
  const { sent, came } = sumOf(trace.ends);
  if (sent === 0)
    return {
      isFault: true,
      text: `Nothing could be sent: ${trace.unsent.map(({ errno, count }) => `${errno} ${count} times`).join(", ") || "the run ended too early"}.`,
      notes,
    };
  if (came === 0) return { isFault: true, text: silent(trace), notes };
  const bad = badPorts(trace);
  const lost = sent - came;
  if (bad.length > 0 && bad.length < trace.ends.length) return { isFault: true, text: badPath(trace, bad), notes };
  if (lost / sent >= LOSSY_RATIO && lost >= MIN_LOST)
    return {
      isFault: true,
      text: `${formatLoss(lost / sent)} of ${counted(sent, "probe")} of ${trace.to} are lost, on the way there or back${beginning(trace, lost / sent)}.`,
      notes,
    };
  return { isFault: false, text: fine(trace, { sent, lost }), notes };
}

/** Where they lose, ports of a bad path are told from those of good ones (places in `sourcePorts`). */
export function badPorts({ ends }: Pick<TraceReport, "ends">): readonly number[] {
  return ends.flatMap(({ sent, answered, refused }, i) => {
    const lost = sent - answered - refused;
    return lost >= MIN_LOST && lost / sent >= LOSSY_RATIO ? [i] : [];
  });
}

function fine(
  { to, ends, targetPort, sourcePorts }: TraceReport,
  { sent, lost }: { sent: number; lost: number },
): string {
  const lengths = [...new Set(ends.flatMap(({ hops }) => hops ?? []))].sort((a, b) => a - b);
  const far = lengths.length === 0 ? "" : ` in ${lengths.join(" or ")} ${lengths.at(-1) === 1 ? "hop" : "hops"}`;
  const how = ends.some(({ answered }) => answered > 0)
    ? ""
    : `, which refuses UDP port ${targetPort}, as it does where no agent listens on this network`;
  const loss =
    lost === 0 ? `nothing of ${counted(sent, "probe")} is lost` : `${lost} of ${counted(sent, "probe")} lost`;
  return `${sourcePorts.length === 1 ? "The source port reaches" : `All ${sourcePorts.length} source ports reach`} ${to}${far}${how}: ${loss}.`;
}

function silent(trace: TraceReport): string {
  const { to, targetPort, refusals, hops } = trace;
  const [refusal] = refusals;
  if (refusal) {
    const who = refusal.node === undefined ? refusal.by : `${refusal.by} (${refusal.node})`;
    return refusal.kind === "blocked"
      ? `${who} rejects it: a policy or a firewall there lets no UDP through to port ${targetPort} of ${to}.`
      : `${who} says that ${to} cannot be reached from there: it has no route, or the next hop does not answer.`;
  }
  const last = hops.findLast(({ answered }) => answered > 0);
  const where =
    last === undefined
      ? "no router answers either"
      : `hop ${last.hop} (${listed(last.routers.map(({ address }) => address))}) is the last that answers, so it ends behind that one, or on the way back`;
  return `Nothing comes back from UDP port ${targetPort} of ${to}: ${where}. A filter that drops silently looks the same.`;
}

function badPath(trace: TraceReport, bad: readonly number[]): string {
  const good = trace.sourcePorts.flatMap((_, i) => (bad.includes(i) ? [] : [i]));
  const names = listed(bad.map((i) => String(trace.sourcePorts[i])));
  const { sent, came } = sumOf(bad.map((i) => trace.ends[i]!));
  const lose = `From source ${bad.length === 1 ? "port" : "ports"} ${names} ${formatLoss((sent - came) / sent)} is lost, from the other ${good.length} less than ${LOSSY_RATIO * 100}%: one of several paths is bad`;
  const apart = partingHop(trace.hops, bad, good);
  if (apart === undefined) return `${lose}. No router that answers tells the paths apart.`;
  return `${lose}. At hop ${apart.hop} the bad ${bad.length === 1 ? "port goes" : "ports go"} by ${listed(apart.bad)}, the others by ${listed(apart.good)}.`;
}

/** The first hop where bad and good ports meet other routers. */
function partingHop(hops: readonly Hop[], bad: readonly number[], good: readonly number[]) {
  for (const { hop, routers } of hops) {
    const by = (ports: readonly number[]) =>
      routers.filter((router) => router.ports.some((port) => ports.includes(port))).map(({ address }) => address);
    const ways = { hop, bad: by(bad), good: by(good) };
    if (ways.bad.length > 0 && ways.good.length > 0 && !ways.bad.some((address) => ways.good.includes(address)))
      return ways;
  }
  return undefined;
}

/** Where loss that goes on to the end begins: what is behind a lossy place loses as well. */
function beginning({ hops }: TraceReport, endLoss: number): string {
  const lossOf = ({ sent, answered }: Hop) => (sent === 0 ? 0 : 1 - answered / sent);
  const asking = hops.filter(({ answered }) => answered > 0);
  const firstClean = asking.findLastIndex((hop) => lossOf(hop) < endLoss * SAME_LOSS);
  const from = asking[firstClean + 1];
  const before = asking[firstClean];
  if (before === undefined) return "";
  return from === undefined
    ? `; hop ${before.hop}, the last router, answers without such loss, so it is behind that one`
    : `; it may begin between hop ${before.hop}, which answers without such loss, and hop ${from.hop}, which answers with it`;
}

function* notes({ hops, ends, unsent, refusals }: TraceReport): Generator<string> {
  const { sent, came } = sumOf(ends);
  const endLoss = sent === 0 ? 1 : 1 - came / sent;
  const quiet = hops.filter((hop) => hop.answered < hop.sent && (hop.sent - hop.answered) / hop.sent > endLoss);
  if (quiet.length > 0 && came > 0)
    yield `${quiet.length === 1 ? "Hop" : "Hops"} ${listed(quiet.map(({ hop }) => String(hop)))} ${quiet.length === 1 ? "leaves" : "leave"} probes unanswered which others of the same path get through: routers limit such errors, and that is no loss.`;
  const lengths = [...new Set(ends.flatMap((end) => end.hops ?? []))].sort((a, b) => a - b);
  if (lengths.length > 1) yield `The ports take ways of different length: ${lengths.join(", ")} hops.`;
  if (came > 0)
    for (const { kind, by, node, count } of refusals)
      yield `${node === undefined ? by : `${by} (${node})`} ${kind === "blocked" ? "rejected" : "called unreachable"} ${counted(count, "probe")}.`;
  const looping = loopOf(hops);
  if (looping) yield `Routers ${listed(looping)} answer again and again further on: a routing loop.`;
  if (came > 0 && unsent.length > 0)
    yield `This node itself would not send ${unsent.map(({ errno, count }) => `${counted(count, "probe")} (${errno})`).join(", ")}.`;
}
const notesOf = (trace: TraceReport): string[] => [...notes(trace)];

/** One router at hops that do not follow each other. */
function loopOf(hops: readonly Hop[]): readonly string[] | undefined {
  const places = new Map<string, number[]>();
  for (const { hop, routers } of hops)
    for (const { address } of routers) places.set(address, [...(places.get(address) ?? []), hop]);
  const again = [...places].filter(([, at]) => at.some((hop, i) => i > 0 && hop > at[i - 1]! + 1));
  return again.length === 0 ? undefined : again.map(([address]) => address);
}

function sumOf(ends: readonly PortEnd[]): { readonly sent: number; readonly came: number } {
  return {
    sent: ends.reduce((sum, end) => sum + end.sent, 0),
    came: ends.reduce((sum, { answered, refused }) => sum + answered + refused, 0),
  };
}
