// The agent of node-1 in a mesh of two nodes after a made-up minute in which everything that has a metric happened
// at least once; the clock, the version and therefore every number are always the same.
import { configSchema } from "../../agent/config/schema.ts";
import { PARTS } from "../../agent/metrics/catalogue.ts";
import { createMetrics, type Metrics } from "../../agent/metrics/metrics.ts";
import { FAILED, REFUSED, type Outcome } from "../../agent/model/outcome.ts";
import type { Network, Node, Protocol } from "../../agent/model/peer.ts";
import type { Slot } from "../../agent/model/slot.ts";
import { createResults, type Results } from "../../agent/results/results.ts";
import type { Finding, JudgeReport } from "../../agent/model/finding.ts";
import { FakeClock } from "./fake-clock.ts";

const SOURCE: Node = { name: "node-1", zone: "zone-a" };
const PEER: Node = { name: "node-2", zone: "zone-b" };

const answered = (rttNs: number | undefined, clock: "kernel" | "user" = "kernel"): Outcome => ({
  kind: "answered",
  rttNs,
  clock,
});

export interface TwoNodeMesh {
  readonly clock: FakeClock;
  readonly results: Results;
  readonly metrics: Metrics;
  readonly slots: Readonly<Record<"icmpPod" | "icmpNode" | "tcp" | "udp", Slot>>;
}

export interface TwoNodeOptions {
  readonly pairDetail?: "default" | "full";
  readonly runtime?: boolean;
  readonly source?: Node;
  readonly peer?: Node;
}

export function twoNodeMesh({
  pairDetail = "default",
  runtime = false,
  source = SOURCE,
  peer = PEER,
}: TwoNodeOptions = {}): TwoNodeMesh {
  const clock = new FakeClock();
  const config = configSchema.parse({
    node: { name: SOURCE.name },
    discovery: { kind: "static", file: "peers.json" },
    metrics: { pairDetail },
  });
  const results = createResults({ clock, pairDetail });
  const slot = (index: number, network: Network, protocol: Protocol): Slot => ({
    index,
    network,
    protocol,
    pair: { source, destination: peer },
    family: "ipv4",
    address: network === "pod" ? "10.244.1.7" : "192.168.10.2",
  });
  const startNs = clock.monotonicNs();
  const slots = {
    icmpPod: slot(0, "pod", "icmp"),
    tcp: slot(1, "pod", "tcp"),
    udp: slot(2, "pod", "udp"),
    icmpNode: slot(3, "node", "icmp"),
  };
  for (const s of Object.values(slots)) results.open(s);

  const metrics = createMetrics({
    results,
    clock,
    config,
    runtime,
    self: () => source,
    // This agent judges, and its first verdict comes after a minute.
    judge: () => ({ latest: clock.monotonicNs() - startNs < 60e9 ? undefined : sampleVerdict }),
    mesh: () => ({ size: 2, serving: 1, notServing: 0, unprobed: 0, unprobedBy: {}, largestInDegree: 0 }),
    pathMtu: () => [
      { destination: peer, network: "pod", family: "ipv4", passesBytes: 1_400, shortfallBytes: 50 },
      { destination: peer, network: "node", family: "ipv4", passesBytes: 1_500, shortfallBytes: 0 },
    ],
    udpReceived: () => [
      {
        source: peer,
        network: "pod",
        family: "ipv4",
        received: 11,
        incarnation: "00c0ffee",
        highest: 12,
        bitmap: "7ff",
      },
    ],
    reflector: () => ({
      answered: 12,
      duplicate: 1,
      limited: 0,
      key: 2,
      checksum: 0,
      version: 0,
      short: 0,
      foreign: 0,
      truncated: 0,
      unsent: 0,
    }),
    socketDrops: () => [
      { network: "pod", protocol: "icmp", drops: 2 },
      { network: "pod", protocol: "udp", drops: 0 },
    ],
    build: { version: "0.0.0-golden", nodejsVersion: "v0.0.0" },
  });
  return { clock, results, metrics, slots };
}

const findingOf = (finding: Pick<Finding, "code" | "subject" | "scope" | "confidence">): Finding => ({
  ...finding,
  id: "1",
  text: "",
  figures: {},
  since: "2026-09-21T14:12:00.000Z",
  causes: [],
  next: "",
  cure: "",
  runbook: "",
});

const sampleVerdict: NonNullable<JudgeReport["latest"]> = {
  atSeconds: 1_790_000_060,
  findings: [
    findingOf({
      code: "IN-BETWEEN",
      subject: { kind: "pair", nodes: ["node-1", "node-2"] },
      scope: {},
      confidence: 0.95,
    }),
    findingOf({
      code: "IN-PATH-MTU",
      subject: { kind: "pair", nodes: ["node-1", "node-2"] },
      scope: { network: "pod" },
      confidence: 0.9,
    }),
  ],
  missingRows: 0,
  gatherSeconds: 0.25,
  decideSeconds: 0.125,
};

/** The minute itself: 60 ICMP probes a network, 12 by TCP and by UDP. */
export function liveAMinute({ clock, results, metrics, slots }: TwoNodeMesh): void {
  for (let second = 0; second < 60; second++) {
    clock.advanceMs(1_000);
    const jitterNs = (second % 5) * 4_096;
    results.record(slots.icmpNode, answered(131_072 + jitterNs));
    results.record(slots.icmpPod, icmpPodOutcome(second, 262_144 + jitterNs));
    metrics.tickLag(second === 30 ? 0.19 : 0.0005);
    if (second % 5 === 0) fiveSecondly({ clock, results, metrics, slots }, second / 5);
  }
  results.anomaly(slots.icmpPod, "late");
  results.anomaly(slots.udp, "duplicate");
  results.anomaly(slots.udp, "corrupt");
  results.skipped(slots.tcp);
  results.localError(slots.udp, "ENOBUFS");
  metrics.clockStep();
  metrics.discoverySynced();
  metrics.discoveryFailed();
  for (const protocol of ["icmp", "tcp", "udp"] as const)
    metrics.protocolAvailable({ network: "pod", protocol, available: true });
  metrics.protocolAvailable({ network: "node", protocol: "icmp", available: false });
  for (const part of PARTS) metrics.fault(part, part === "icmp" ? 2 : 0);
  probeServices(results);
  const dns = metrics.dns({ server: "pod", name: "kubernetes.default.svc.cluster.local" });
  for (let i = 0; i < 5; i++) dns.answered(0.001_953_125);
  dns.failed("timeout");
  dns.localError("EMFILE");
}

function icmpPodOutcome(second: number, rttNs: number): Outcome {
  if (second === 10 || second === 11) return FAILED.timeout;
  if (second === 20) return FAILED.unreachable;
  if (second === 40) return answered(rttNs, "user");
  return answered(rttNs);
}

function fiveSecondly({ results, slots }: TwoNodeMesh, round: number): void {
  results.record(
    slots.tcp,
    round === 3
      ? { ...answered(undefined), retransmits: 1 }
      : round === 4
        ? REFUSED
        : round === 5
          ? FAILED.blocked
          : answered(524_288),
  );
  results.record(slots.udp, round >= 6 && round < 9 ? FAILED.timeout : answered(393_216));
  if (round === 9)
    for (const direction of ["forward", "reverse", "unknown"] as const) results.lost(slots.udp, direction);
}

/** The response as one text. */
export async function scrapeText(metrics: Pick<Metrics, "scrape">): Promise<string> {
  let text = "";
  for await (const slice of metrics.scrape()) text += slice;
  return text;
}

/** What test/metrics/golden/two-node.prom holds. Metrics of the Node.js process differ from run to run: left out. */
export async function goldenTwoNode(): Promise<string> {
  const mesh = twoNodeMesh();
  liveAMinute(mesh);
  return scrapeText(mesh.metrics);
}

/** Our own Service answers and fails; that of the API server has not been found. */
function probeServices({ services }: Results): void {
  const path = { index: 0, service: "agents", family: "ipv4", address: "10.96.0.7" } as const;
  services.looked("agents", undefined);
  services.looked("kubernetes", "kubernetes.default.svc cannot be looked up: getaddrinfo EAI_AGAIN");
  services.opened(path);
  for (let i = 0; i < 8; i++) services.record(path, answered(524_288));
  services.record(path, { ...answered(undefined), retransmits: 1 });
  services.record(path, FAILED.timeout);
  services.record(path, REFUSED);
  services.localError(path, "EMFILE");
}
