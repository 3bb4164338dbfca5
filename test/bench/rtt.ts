// ICMP round-trip time against a packet capture on the same interface, ours and the rivals', one after another.
import { fileURLToPath } from "node:url";
import { icmpRoundTrips } from "../support/pcap.ts";
import { vethPair, type VethPair } from "../support/veth.ts";
import { captured } from "./capture.ts";
import { smokeping } from "./smokeping.ts";
import { atMost, mean, quantile, type Cell, type Figure } from "./table.ts";

const COUNT = 2_000;
const PERIOD_MS = 2;
const WORKER = fileURLToPath(new URL("./rtt.worker.ts", import.meta.url));

/** Delays as reported, in order of sending; undefined where one was lost. Nanoseconds. */
type Reported = readonly (number | undefined)[];

function ours(pair: VethPair): Reported {
  const printed = pair.run(pair.near, process.execPath, WORKER, pair.farIp, String(COUNT), String(PERIOD_MS));
  return (JSON.parse(printed) as (number | null)[]).map((ns) => ns ?? undefined);
}

// fping prints its round trips to stderr, "-" for a lost one.
const fping = (pair: VethPair): Reported =>
  pair
    .run(pair.near, "sh", "-c", `fping -q -C ${COUNT} -p ${PERIOD_MS} -b 56 ${pair.farIp} 2>&1`)
    .split(" : ")[1]!
    .trim()
    .split(" ")
    .map((ms) => (ms === "-" ? undefined : Number(ms) * 1e6));
const ping = (pair: VethPair): Reported =>
  [
    ...pair
      .run(pair.near, "ping", "-c", String(COUNT), "-i", String(PERIOD_MS / 1000), pair.farIp)
      .matchAll(/time=([\d.]+) ms/g),
  ].map((m) => Number(m[1]) * 1e6);

/** Run it with a capture beside it; errors by how far each report is from what the capture saw. */
async function judged(
  pair: VethPair,
  measure: (pair: VethPair) => Reported,
): Promise<{ errors: number[]; reported: number[] }> {
  const { measured, packets } = await captured(pair, { namespaces: [pair.near], filter: "icmp" }, () => measure(pair));
  // The nth probe has the nth sequence number; a capture that missed one judges the others all the same.
  const truth = [...icmpRoundTrips(packets[0]!)].map(([key, ns]) => ({ sequence: Number(key.split("/")[1]), ns }));
  const first = Math.min(...truth.map((t) => t.sequence));
  const errors = truth.flatMap(({ sequence, ns }) => {
    const said = measured[sequence - first];
    return said === undefined ? [] : [Math.abs(said - ns)];
  });
  return { errors, reported: measured.filter((ns) => ns !== undefined) };
}

async function judgedSmokeping(pair: VethPair): Promise<Cell[]> {
  const { measured, packets } = await captured(pair, { namespaces: [pair.near], filter: "icmp" }, () =>
    smokeping(pair, { target: pair.farIp, count: COUNT / 2, periodMs: 2 * PERIOD_MS }),
  );
  const truth = mean([...icmpRoundTrips(packets[0]!).values()]);
  return [
    "smokeping_prober",
    measured.answers,
    undefined,
    undefined,
    undefined,
    us(measured.meanNs),
    us(Math.abs(measured.meanNs - truth)),
  ];
}

const us = (ns: number) => ns / 1000;

export async function run(): Promise<Figure> {
  using pair = vethPair();
  ours(pair); // the first stamps of a fresh machine switch the kernel's stamping on
  const rows: Cell[][] = [];
  const errorsOf = new Map<string, readonly number[]>();
  for (const [name, measure] of [
    ["internode", ours],
    ["fping -C", fping],
    ["ping", ping],
  ] as const) {
    const { errors, reported } = await judged(pair, measure);
    errorsOf.set(name, errors);
    rows.push([
      name,
      errors.length,
      us(quantile(reported, 0.5)),
      us(quantile(errors, 0.5)),
      us(quantile(errors, 0.99)),
      us(mean(reported)),
      us(mean(errors)),
    ]);
  }
  rows.push(await judgedSmokeping(pair));
  const alone = ours(pair).filter((ns) => ns !== undefined);
  rows.push([
    "internode, no capture",
    alone.length,
    us(quantile(alone, 0.5)),
    undefined,
    undefined,
    us(mean(alone)),
    undefined,
  ]);
  const errors = errorsOf.get("internode")!;
  return {
    tables: [
      {
        title: `ICMP round-trip time against a packet capture, veth, ${COUNT} probes ${PERIOD_MS} ms apart`,
        columns: ["", "probes", "p50 µs", "error p50 µs", "error p99 µs", "mean µs", "mean error µs"],
        rows,
        note: "error: how far each report is from what the capture saw of the same probe; smokeping_prober publishes only sums, so its error is that of the mean",
      },
    ],
    bars: [
      atMost(2, { what: "ICMP RTT against a capture, error p50", value: us(quantile(errors, 0.5)), unit: "µs" }),
      atMost(20, { what: "ICMP RTT against a capture, error p99", value: us(quantile(errors, 0.99)), unit: "µs" }),
    ],
  };
}
