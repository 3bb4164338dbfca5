// UDP round-trip time without the reflector's residence, against captures on both ends of the cable: what passed
// between request and reply on the near side, minus what passed between them on the far side.
import { fileURLToPath } from "node:url";
import type { Captured } from "../support/pcap.ts";
import { vethPair, type VethPair } from "../support/veth.ts";
import { captured } from "./capture.ts";
import { converse } from "./conversation.ts";
import { atMost, mean, quantile, type Figure } from "./table.ts";

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

/** Request to reply on one side of the cable, by the probe's number and nonce. */
function spans(packets: readonly Captured[]): Map<string, number> {
  const requests = new Map<string, number>();
  const found = new Map<string, number>();
  for (const { atNs, ip } of packets) {
    const view = new DataView(ip.buffer, ip.byteOffset, ip.byteLength);
    const key = `${view.getUint32(NUMBER_OFFSET)}/${view.getBigUint64(NUMBER_OFFSET + 4)}`;
    if (view.getUint16(22) === PORT) requests.set(key, atNs);
    else if (requests.has(key)) found.set(key, atNs - requests.get(key)!);
  }
  return found;
}

export async function run(): Promise<Figure> {
  using pair = vethPair();
  await using far = converse(pair.start(pair.far, process.execPath, FAR, pair.farIp));
  await far.heard();
  measure(pair); // stamping is on, and the reflector has learnt how late its transmit times are
  const { measured, packets } = await captured(
    pair,
    { namespaces: [pair.near, pair.far], filter: `udp port ${PORT}` },
    () => measure(pair),
  );
  const [near, there] = packets.map(spans) as [Map<string, number>, Map<string, number>];
  // Probes are numbered as they are sent, one at a time; the smallest number is the first of them.
  const numbers = [...near.keys()]
    .map((key) => ({ key, number: Number(key.split("/")[0]) }))
    .sort((a, b) => a.number - b.number);
  const first = numbers[0]?.number ?? 0;
  // The first one's delay is the reply's own word, the last one's would be told by one more reply.
  const errors = numbers.slice(1, -1).flatMap(({ key, number }) => {
    const said = measured[number - first];
    const residence = there.get(key);
    return said == null || residence === undefined ? [] : [Math.abs(said.rttNs - (near.get(key)! - residence))];
  });
  const alone = measure(pair);
  const us = (ns: number) => ns / 1000;
  const reported = (reports: readonly (Report | null)[]) => reports.flatMap((r) => (r === null ? [] : [r.rttNs]));
  const residences = [...there.values()];
  const row = (name: string, reports: readonly (Report | null)[], judged: readonly number[]) => {
    const rtts = reported(reports);
    const byKernel = reports.filter((r) => r?.clock === "kernel").length;
    return [
      name,
      rtts.length,
      byKernel,
      judged.length > 0 ? judged.length : undefined,
      us(quantile(rtts, 0.5)),
      us(mean(rtts)),
      judged.length > 0 ? us(quantile(judged, 0.5)) : undefined,
      judged.length > 0 ? us(quantile(judged, 0.99)) : undefined,
    ];
  };
  return {
    tables: [
      {
        title: `UDP (STAMP) round-trip time without residence, against captures on both sides, ${COUNT} probes`,
        columns: ["", "with RTT", "kernel clock", "judged", "p50 µs", "mean µs", "error p50 µs", "error p99 µs"],
        rows: [row("internode", measured, errors), row("internode, no capture", alone, [])],
        note: `residence that was taken out, by the far capture: p50 ${Math.round(us(quantile(residences, 0.5)))} µs, longest ${Math.round(us(Math.max(...residences)))} µs; no rival measures this`,
      },
    ],
    bars: [
      atMost(2, { what: "UDP RTT against captures, error p50", value: us(quantile(errors, 0.5)), unit: "µs" }),
      atMost(20, { what: "UDP RTT against captures, error p99", value: us(quantile(errors, 0.99)), unit: "µs" }),
    ],
  };
}
