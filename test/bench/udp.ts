// UDP round-trip time without the reflector's residence, against captures on both ends of the cable: what passed
// between request and reply on the near side, minus what passed between them on the far side. A capture stamps an
// outgoing packet, then works on it, and only then the driver gets it; that time is the capture's own and looks like an
// error of ours, on each side. Therefore once more with the kernel's trace of when the driver gets it.
import { fileURLToPath } from "node:url";
import type { Captured } from "../support/pcap.ts";
import { vethPair, type VethPair } from "../support/veth.ts";
import { captured } from "./capture.ts";
import { converse } from "./conversation.ts";
import { atMost, mean, quantile, type Cell, type Figure } from "./table.ts";
import { traceTransmits, type TraceRefused, type TransmitTrace } from "./transmit-trace.ts";

const PORT = 7_843;
const COUNT = 2_000;
const PERIOD_MS = 4;
const [WORKER, FAR] = ["./udp.worker.ts", "./far.worker.ts"].map((file) =>
  fileURLToPath(new URL(file, import.meta.url)),
) as [string, string];
/** IPv4 and UDP headers, STAMP header, TLV header, offset of the nonce in our body: number before it, nonce after. */
const NUMBER_OFFSET = 20 + 8 + 44 + 4 + 12;

interface Report {
  readonly rttNs: number;
  readonly clock: string;
}

const measure = (pair: VethPair) =>
  JSON.parse(
    pair.run(pair.near, process.execPath, WORKER, pair.farIp, String(COUNT), String(PERIOD_MS)),
  ) as (Report | null)[];

/** A hand-over later than this after a capture's stamp is another packet's. */
const LONGEST_CAPTURING_NS = 100e3;
/** Shorter than our packets, longer than what else crosses the cable. */
const TRACED_BYTES = 500;

/** One probe on one side of the cable: when the capture saw its request and its reply. */
interface Seen {
  readonly requestNs: number;
  readonly replyNs: number;
}

/** By the probe's number and nonce. */
function seenProbes(packets: readonly Captured[]): Map<string, Seen> {
  const requests = new Map<string, number>();
  const found = new Map<string, Seen>();
  for (const { atNs, ip } of packets) {
    const view = new DataView(ip.buffer, ip.byteOffset, ip.byteLength);
    const key = `${view.getUint32(NUMBER_OFFSET)}/${view.getBigUint64(NUMBER_OFFSET + 4)}`;
    const requestNs = requests.get(key);
    if (view.getUint16(22) === PORT) requests.set(key, atNs);
    else if (requestNs !== undefined) found.set(key, { requestNs, replyNs: atNs });
  }
  return found;
}

/** When the driver got what a capture saw go out; NaN when that is unknown. */
type HandedOver = (seenNs: number) => number;

const handedOverBy = (traced: readonly number[]): HandedOver => {
  return (seenNs) => {
    let [from, to] = [0, traced.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (traced[middle]! < seenNs) from = middle + 1;
      else to = middle;
    }
    const atNs = traced[from] ?? NaN;
    return atNs - seenNs <= LONGEST_CAPTURING_NS ? atNs : NaN;
  };
};

interface Judged {
  readonly reports: readonly (Report | null)[];
  readonly errorsNs: readonly number[];
  readonly residencesNs: readonly number[];
}

/** By captures on both sides; with a trace, packets leave when the driver gets them. */
async function judged(pair: VethPair, trace?: TransmitTrace): Promise<Judged> {
  const originS = Math.floor(Date.now() / 1000);
  const { measured, packets } = await captured(
    pair,
    { namespaces: [pair.near, pair.far], filter: `udp port ${PORT}`, originS },
    () => measure(pair),
  );
  const handedOver = trace === undefined ? (seenNs: number) => seenNs : handedOverBy(trace.read(originS));
  const [near, far] = packets.map(seenProbes) as [Map<string, Seen>, Map<string, Seen>];
  // Probes are numbered as they are sent, one at a time; the smallest number is the first of them.
  const numbers = [...near.keys()]
    .map((key) => ({ key, number: Number(key.split("/")[0]) }))
    .sort((a, b) => a.number - b.number);
  const first = numbers[0]?.number ?? 0;
  // The first one's delay is the reply's own word, the last one's would be told by one more reply.
  const errorsNs = numbers.slice(1, -1).flatMap(({ key, number }) => {
    const said = measured[number - first];
    const [here, there] = [near.get(key)!, far.get(key)];
    if (said == null || there === undefined) return [];
    const residenceNs = handedOver(there.replyNs) - there.requestNs;
    const errorNs = Math.abs(said.rttNs - (here.replyNs - handedOver(here.requestNs) - residenceNs));
    return Number.isNaN(errorNs) ? [] : [errorNs];
  });
  return {
    reports: measured,
    errorsNs,
    residencesNs: [...far.values()].map(({ requestNs, replyNs }) => replyNs - requestNs),
  };
}

async function judgedByDriver(pair: VethPair): Promise<Judged | TraceRefused> {
  const trace = traceTransmits({ device: "veth0", minBytes: TRACED_BYTES });
  if ("refused" in trace) return trace;
  using there = trace;
  return await judged(pair, there);
}

const us = (ns: number) => ns / 1000;
const medianUs = (ns: readonly number[]) => us(quantile(ns, 0.5));

function row(name: string, reports: readonly (Report | null)[], errorsNs: readonly number[] = []): Cell[] {
  const rtts = reports.flatMap((r) => (r === null ? [] : [r.rttNs]));
  const isJudged = errorsNs.length > 0;
  return [
    name,
    rtts.length,
    reports.filter((r) => r?.clock === "kernel").length,
    isJudged ? errorsNs.length : undefined,
    medianUs(rtts),
    us(mean(rtts)),
    isJudged ? medianUs(errorsNs) : undefined,
    isJudged ? us(quantile(errorsNs, 0.99)) : undefined,
  ];
}

export async function run(): Promise<Figure> {
  using pair = vethPair();
  await using far = converse(pair.start(pair.far, process.execPath, FAR, pair.farIp));
  await far.heard();
  measure(pair); // stamping is on, and the reflector has learnt how late its transmit times are
  const captures = await judged(pair);
  const traced = await judgedByDriver(pair);
  const drivers = "refused" in traced ? undefined : traced;
  const alone = measure(pair);
  const ownCost =
    "refused" in traced
      ? `the captures' own cost is not known, for there is no trace: ${traced.refused}`
      : `of the first error p50 at least ${(medianUs(captures.errorsNs) - medianUs(traced.errorsNs)).toFixed(1)} µs are the captures' own work, on both sides together, between their stamp and the driver; the second line is against when the driver got the packet, by the kernel's trace, whose own cost is still in it`;
  const residences = captures.residencesNs;
  return {
    tables: [
      {
        title: `UDP (STAMP) round-trip time without residence, against captures on both sides, ${COUNT} probes`,
        columns: ["", "with RTT", "kernel clock", "judged", "p50 µs", "mean µs", "error p50 µs", "error p99 µs"],
        rows: [
          row("internode", captures.reports, captures.errorsNs),
          ...(drivers === undefined
            ? []
            : [row("internode, without the captures' own cost", drivers.reports, drivers.errorsNs)]),
          row("internode, no capture", alone, []),
        ],
        note: `${ownCost}; residence that was taken out, by the far capture: p50 ${Math.round(medianUs(residences))} µs, longest ${Math.round(us(Math.max(...residences)))} µs; no rival measures this`,
      },
    ],
    bars: [
      atMost(2, {
        what: `UDP RTT against captures${drivers ? " without their own cost" : ""}, error p50`,
        value: medianUs((drivers ?? captures).errorsNs),
        unit: "µs",
      }),
      atMost(20, {
        what: "UDP RTT against captures, error p99",
        value: us(quantile(captures.errorsNs, 0.99)),
        unit: "µs",
      }),
    ],
  };
}
