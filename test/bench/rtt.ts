// Round-trip time against a packet capture on the same interface, ours and the rivals', one after another.
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { icmpRoundTrips, readPcap } from "../support/pcap.ts";
import { vethPair, type VethPair } from "../support/veth.ts";
import { printTable, quantile, verdict } from "./table.ts";

const COUNT = 2_000;
const PERIOD_MS = 2;
const WORKER = new URL("./rtt.worker.ts", import.meta.url).pathname;

/** Delays as reported, in order of sending; undefined where one was lost. Nanoseconds. */
type Reported = readonly (number | undefined)[];

function ours(pair: VethPair): Reported {
  const printed = pair.run(pair.near, process.execPath, WORKER, pair.farIp, String(COUNT), String(PERIOD_MS));
  return (JSON.parse(printed) as (number | null)[]).map((ns) => ns ?? undefined);
}

// fping prints its round trips to stderr, "-" for a lost one.
const fping = (pair: VethPair): Reported =>
  pair.run(pair.near, "sh", "-c", `fping -q -C ${COUNT} -p ${PERIOD_MS} -b 56 ${pair.farIp} 2>&1`).split(" : ")[1]!.trim().split(" ")
    .map((ms) => (ms === "-" ? undefined : Number(ms) * 1e6));
const ping = (pair: VethPair): Reported => [...pair.run(pair.near, "ping", "-c", String(COUNT), "-i", String(PERIOD_MS / 1000), pair.farIp).matchAll(/time=([\d.]+) ms/g)].map((m) => Number(m[1]) * 1e6);

/** Run it with a capture beside it; errors by how far each report is from what the capture saw. */
async function judged(pair: VethPair, measure: (pair: VethPair) => Reported): Promise<{ errors: number[]; reported: Reported }> {
  const folder = mkdtempSync(join(tmpdir(), "internode-bench-"));
  const file = join(folder, "rtt.pcap");
  const tcpdump = pair.start(pair.near, "tcpdump", "-i", "veth0", "-n", "-s", "128", "-B", "8192", "--time-stamp-precision=nano", "-w", file, "icmp");
  try {
    await once(tcpdump.stderr!, "data");
    await sleep(300);
    const reported = measure(pair);
    // tcpdump hands blocks over once a second. (Immediate mode would wake it at every packet, between the capture's
    // stamp and the driver's: 4 µs that are not the network's.)
    await sleep(1_500);
    tcpdump.kill("SIGINT");
    await once(tcpdump, "exit");
    // The nth probe has the nth sequence number; a capture that missed one judges the others all the same.
    const truth = [...icmpRoundTrips(readPcap(file))].map(([key, ns]) => ({ sequence: Number(key.split("/")[1]), ns }));
    const first = Math.min(...truth.map((t) => t.sequence));
    const errors = truth.flatMap(({ sequence, ns }) => {
      const said = reported[sequence - first];
      return said === undefined ? [] : [Math.abs(said - ns)];
    });
    return { errors, reported };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function run(): Promise<void> {
  using pair = vethPair();
  ours(pair); // the first stamps of a fresh machine switch the kernel's stamping on
  const us = (ns: number) => ns / 1000;
  const rows: (string | number)[][] = [];
  for (const [name, measure] of [["internode", ours], ["fping -C", fping], ["ping", ping]] as const) {
    const { errors, reported } = await judged(pair, measure);
    const [p50, p99] = [us(quantile(errors, 0.5)), us(quantile(errors, 0.99))];
    const answered = reported.filter((ns) => ns !== undefined);
    rows.push([name, errors.length, us(quantile(answered, 0.5)), p50, p99, name === "internode" ? `p50 ${verdict(p50, 2)}, p99 ${verdict(p99, 20)}` : ""]);
  }
  const alone = ours(pair).filter((ns) => ns !== undefined);
  rows.push(["internode, no capture", alone.length, us(quantile(alone, 0.5)), "", "", ""]);
  printTable(`ICMP round-trip time against a packet capture, veth, ${COUNT} probes ${PERIOD_MS} ms apart (bar: error p50 ≤ 2 µs, p99 ≤ 20 µs)`, ["", "probes", "p50 µs", "error p50 µs", "error p99 µs", "bar"], rows);
}
