// Adding a pair protocol takes one file and one line. Shown on a copy of the code: the compiler agrees, everything that
// knows protocols knows this one too, and what its descriptor leaves out does not compile.
import { execFile } from "node:child_process";
import { appendFileSync, cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const copy = mkdtempSync(join(tmpdir(), "internode-protocol-"));
afterAll(() => rmSync(copy, { recursive: true, force: true }));

/** SCTP, if somebody wrote it: answers at once, and counts what nobody else does. */
const DESCRIPTOR = `
import { z } from "zod";
import { IS_TAKEN, pairProtocol, type ProberOptions } from "../descriptor.ts";
import type { Prober } from "../prober.ts";
import type { Slot } from "../../model/slot.ts";

function prober({ sink }: ProberOptions<{ readonly streams: number }>): Prober {
  return {
    protocol: "sctp",
    outstanding: 0,
    mostAtOnce: Infinity,
    open() {},
    close() {},
    send(due: readonly Slot[]) {
      for (const slot of due) {
        sink.record(slot, { kind: "answered", rttNs: 1e6, clock: "user" });
        sink.count(slot, "heartbeats", 2);
      }
    },
    drain() {},
    expire() {},
    socketDrops: () => 0,
    [Symbol.dispose]() {},
  };
}

export const sctp = pairProtocol({
  defaults: { networks: ["node"], intervalMs: 2_000, timeoutMs: 1_000 },
  options: { streams: z.int().min(1).max(16).default(4).describe("Streams of an association.") },
  kernel: async (options) => prober(options),
  userspace: async (options) => prober(options),
  answering: { kind: "kernel" },
  counters: {
    sctpHeartbeats: {
      name: "internode_sctp_heartbeats_total",
      unit: "packets",
      help: "Heartbeats that came back.",
      counts: ["heartbeats"],
    },
  },
  cure: () => IS_TAKEN,
  cost: { packets: 4, packetBytes: 100 },
  onTheWire: { ipv4: { protocol: 132 }, ipv6: { protocol: 132 } },
});
`;

/** Tells as JSON what the parts of the copy know of the protocol. */
const ASK = `
import { protocolFacts } from "./scripts/chart-values/protocols.ts";
import { agentJson } from "./scripts/chart-values/documents.ts";
import { OPTIONS } from "./agent/config/options.ts";
import { configSchema } from "./agent/config/schema.ts";
import { contradictions } from "./agent/config/rules.ts";
import { CATALOGUE, LABEL_VALUES, PARTS } from "./agent/metrics/catalogue.ts";
import { createMetrics } from "./agent/metrics/metrics.ts";
import { openProber, PROTOCOLS } from "./agent/probes/protocols.ts";
import { createResults } from "./agent/results/results.ts";
import { SlotTable } from "./agent/schedule/slot-table.ts";
import { MeshGrid } from "./agent/diagnosis/notes/mesh-grid.ts";
import { protocolCondition } from "./lab/faults/packet-rules.ts";

const base = { node: { name: "node-1" }, discovery: { kind: "static", file: "/dev/null" } };
const config = configSchema.parse(base);
const clock = { baseSeconds: 0, monotonicNs: () => 1e9, realtimeNs: () => 1e9 };
const results = createResults({ clock, pairDetail: "default" });
const opened = await openProber("sctp", { kind: "userspace" }, {
  clock, sink: results, config, families: ["ipv4"], source: "node-1", incarnation: "00", conntrack: () => "not-full",
});
const slots = [];
const table = new SlotTable({ opened: (slot) => (slots.push(slot), results.open(slot)), closed() {}, moved() {} });
const peer = { node: { name: "node-2", zone: "b" }, serving: true, addresses: { pod: { ipv4: "10.0.0.2" }, node: { ipv4: "192.0.2.2" } } };
table.reconcile({ name: "node-1", zone: "a" }, [peer], { families: ["ipv4"], networks: (p) => config[p].networks });
opened.prober.send(slots.filter((slot) => slot.protocol === "sctp"));
const metrics = createMetrics({
  results, clock, config, self: () => ({ name: "node-1", zone: "a" }), runtime: false,
  mesh: () => ({ size: 2, serving: 1, notServing: 0, unprobed: 0, unprobedBy: {}, largestInDegree: 1 }),
  pathMtu: () => [], udpReceived: () => [], socketDrops: () => [], reflector: () => ({}), judge: () => undefined,
});
let scraped = "";
for await (const part of metrics.scrape()) scraped += part;
const pairs = slots.map((slot) => ({ destination: peer.node, network: slot.network, protocol: slot.protocol, family: slot.family, address: slot.address, window: results.window(slot) }));
const nodes = [{ name: "node-1", zone: "a" }, peer.node];
const grid = new MeshGrid({ nodes, rows: [{ source: nodes[0], pairs }], missing: [] });
console.log(JSON.stringify({
  protocols: PROTOCOLS,
  options: OPTIONS.filter(({ path }) => path.startsWith("sctp.")).map(({ path, flag }) => path + " " + flag),
  contradiction: contradictions(configSchema.parse({ ...base, sctp: { timeoutMs: 3000 } }), () => true).map((c) => c.options[0]),
  slots: slots.map((slot) => slot.network + " " + slot.protocol),
  labels: [LABEL_VALUES.protocol.includes("sctp"), PARTS.includes("sctp")],
  metric: CATALOGUE.sctpHeartbeats.protocols,
  series: scraped.split("\\n").filter((line) => line.includes('protocol="sctp"') && !line.startsWith("internode_zone")),
  page: grid.paths.map((path) => path.network + " " + path.protocol),
  cost: protocolFacts().sctp,
  chart: JSON.parse(agentJson()).defaults.sctp,
  filter: protocolCondition("sctp").node4,
}));
`;

beforeAll(() => {
  for (const folder of ["agent", "lab", "scripts"]) cpSync(join(ROOT, folder), join(copy, folder), { recursive: true });
  for (const file of ["package.json", "tsconfig.json"]) cpSync(join(ROOT, file), join(copy, file));
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  writeFileSync(join(copy, "agent/probes/protocols/sctp.ts"), DESCRIPTOR);
  appendFileSync(join(copy, "agent/probes/table.ts"), 'export { sctp } from "./protocols/sctp.ts";\n');
});

/** The descriptor without one of its parts. */
function without(part: string): string {
  const lines = DESCRIPTOR.split("\n");
  const from = lines.findLastIndex((line) => line.startsWith(`  ${part}: `));
  const to = lines[from]!.endsWith(",") ? from : lines.indexOf("  },", from);
  return lines.toSpliced(from, to - from + 1).join("\n");
}

test("the compiler agrees with the one file and the one line, and names what a descriptor leaves out", async () => {
  const parts = ["defaults", "kernel", "userspace", "answering", "counters", "cure", "cost", "onTheWire"];
  for (const part of parts) writeFileSync(join(copy, `agent/probes/protocols/without-${part}.ts`), without(part));
  const project = { extends: "./tsconfig.json", include: ["agent", "lab", "scripts/chart-values"] };
  writeFileSync(join(copy, "tsconfig.check.json"), JSON.stringify({ ...project, exclude: ["agent/page/client"] }));
  const tsc = run(join(ROOT, "node_modules/.bin/tsc"), ["-p", "tsconfig.check.json"], { cwd: copy });
  const said = await tsc.then(
    () => "",
    (err: { stdout: string }) => err.stdout,
  );
  for (const part of parts) expect(said).toMatch(new RegExp(`without-${part}\\.ts.*\n(?: .*\n)*?.*'${part}'`));
  const complaints = said.split("\n").filter((line) => /^\S/.test(line));
  expect(complaints.filter((line) => !line.includes("/without-"))).toEqual([]);
}, 120_000);

test("options, slots, counters, metrics, page, chart and lab know it", async () => {
  writeFileSync(join(copy, "ask.ts"), ASK);
  const { stdout } = await run(process.execPath, ["ask.ts"], { cwd: copy });
  const told = JSON.parse(stdout) as Record<string, unknown>;
  const pair =
    '{source_node="node-1",destination_node="node-2",source_zone="a",destination_zone="b",network="node",protocol="sctp",ip_family="ipv4"}';
  expect(told).toMatchObject({
    protocols: ["icmp", "sctp", "tcp", "udp"],
    options: [
      "sctp.networks --sctp-networks",
      "sctp.intervalMs --sctp-interval-ms",
      "sctp.timeoutMs --sctp-timeout-ms",
      "sctp.streams --sctp-streams",
    ],
    contradiction: ["sctp.timeoutMs"],
    slots: ["pod icmp", "pod tcp", "pod udp", "node icmp", "node sctp"],
    labels: [true, true],
    metric: ["sctp"],
    series: expect.arrayContaining([
      `internode_probes_total${pair} 1`,
      `internode_probe_failures_total${pair} 0`,
      `internode_sctp_heartbeats_total${pair} 2`,
      'internode_probe_interval_seconds{source_node="node-1",protocol="sctp"} 2',
    ]),
    page: ["pod icmp", "pod tcp", "pod udp", "node icmp", "node sctp"],
    cost: { needsProbePort: false, hasPathMtu: false, series: 6, cost: { packets: 4, packetBytes: 100 } },
    chart: { networks: ["node"], intervalMs: 2_000, timeoutMs: 1_000, streams: 4 },
    filter: ["ip protocol 132"],
  });
}, 60_000);
