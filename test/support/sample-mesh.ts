// A whole mesh's snapshot of any size, made up but plausible: same arguments, same document. For the page and the
// API; test/api/golden/mesh.json is one of these, frozen.
import { inDisplayOrder } from "../../agent/model/order.ts";
import type { Network, Node, Protocol } from "../../agent/model/peer.ts";
import type { PathMtu, PairWindow, Row, SecondSummary, Snapshot, UdpReceived } from "../../agent/model/snapshot.ts";
import type { WindowSummary } from "../../agent/model/window.ts";

export interface SampleMesh {
  readonly nodes: number;
  readonly zones: number;
  readonly at?: string;
  /** Nodes that are switched off, with the reason their row is missing. */
  readonly dead?: Readonly<Record<string, string>>;
  /** Packets lost from one node to another, one way, 0…1. */
  readonly loss?: readonly { readonly from: string; readonly to: string; readonly ratio: number }[];
  /** Nodes whose TCP probe port is closed. */
  readonly tcpRefused?: readonly string[];
  readonly mtuShortfall?: readonly { readonly from: string; readonly to: string; readonly passesBytes: number }[];
  readonly udp?: boolean;
  /** Instead of node-1, node-2, …: the first nodes are called so. */
  readonly names?: readonly string[];
}

const PER_MINUTE: Readonly<Record<Protocol, number>> = { icmp: 60, tcp: 12, udp: 12 };
const SLOTS: readonly { readonly network: Network; readonly protocol: Protocol }[] = [
  { network: "pod", protocol: "icmp" },
  { network: "pod", protocol: "tcp" },
  { network: "pod", protocol: "udp" },
  { network: "node", protocol: "icmp" },
];
const STARTED_AT = "2026-11-23T17:02:11.408Z";

export function sampleNodes({ nodes, zones, names }: Pick<SampleMesh, "nodes" | "zones" | "names">): Node[] {
  return inDisplayOrder(
    Array.from({ length: nodes }, (_, i) => ({
      name: names?.[i] ?? `node-${i + 1}`,
      zone: `zone-${String.fromCodePoint(97 + Math.floor((i * zones) / nodes))}`,
    })),
  );
}

export function sampleSnapshot(mesh: SampleMesh): Snapshot {
  const at = mesh.at ?? "2026-11-23T19:30:00.000Z";
  const nodes = sampleNodes(mesh);
  const dead = mesh.dead ?? {};
  return {
    schemaVersion: 1,
    at,
    by: nodes[0]!,
    nodes,
    rows: nodes.filter(({ name }) => !(name in dead)).map((source) => sampleRow(mesh, source, nodes)),
    missing: nodes.filter(({ name }) => name in dead).map((node) => ({ node, reason: dead[node.name]! })),
  };
}

export function sampleRow(mesh: SampleMesh, source: Node, nodes: readonly Node[] = sampleNodes(mesh)): Row {
  const others = nodes.filter((node) => node.name !== source.name);
  const slots = SLOTS.filter(({ protocol }) => protocol !== "udp" || mesh.udp !== false);
  return {
    schemaVersion: 1,
    source,
    version: "0.1.0",
    incarnation: hex(source.name, 16),
    startedAt: STARTED_AT,
    at: mesh.at ?? "2026-11-23T19:30:00.000Z",
    health: {
      engine: "kernel",
      stamps: { icmp: "kernel", tcp: "kernel", ...(mesh.udp !== false && { udp: "kernel" }) },
      unavailable: [],
      tickLagMaxMs: round(1 + random(`${source.name} lag`) * 3, 100),
      probesSkipped: 0,
      localErrors: 0,
      socketDrops: 0,
      clockSteps: 0,
      discoveryAgeSeconds: round(random(`${source.name} age`) * 20, 10),
    },
    pairs: others.flatMap((destination) => slots.map((slot) => samplePair(mesh, { source, destination, ...slot }))),
    pathMtu: others
      .filter(({ name }) => !(name in (mesh.dead ?? {})))
      .map((destination) => samplePathMtu(mesh, source, destination)),
    udpReceived:
      mesh.udp === false
        ? []
        : others.map((from): UdpReceived => {
            const lost = lossOf(mesh, from.name, source.name);
            const sent = 1_760;
            return {
              source: from,
              network: "pod",
              family: "ipv4",
              received: from.name in (mesh.dead ?? {}) ? 1_702 : Math.round(sent * (1 - lost)),
              incarnation: hex(from.name, 16),
              highest: sent,
              bitmap: lost > 0 ? "fffdfbffeffff7df" : "ffffffffffffffff",
            };
          }),
  };
}

interface SampleSlot {
  readonly source: Node;
  readonly destination: Node;
  readonly network: Network;
  readonly protocol: Protocol;
}

export function samplePair(
  mesh: SampleMesh,
  slot: SampleSlot,
  options: { readonly seconds?: boolean } = {},
): PairWindow {
  const { destination, network, protocol } = slot;
  const number = Number(destination.name.replace(/\D+/g, "")) % 250;
  const address = network === "pod" ? `10.244.${number}.2` : `10.10.0.${number}`;
  const seconds = sampleSeconds(mesh, slot);
  return {
    destination,
    network,
    protocol,
    family: "ipv4",
    address,
    window: sampleWindow(mesh, slot, seconds),
    ...(options.seconds && { seconds }),
  };
}

function sampleSeconds(mesh: SampleMesh, slot: SampleSlot): (SecondSummary | null)[] {
  const { source, destination, network, protocol } = slot;
  const every = 60 / PER_MINUTE[protocol];
  const phase = Math.floor(random(`${source.name}>${destination.name}${network}${protocol}`) * every);
  const refused = protocol === "tcp" && (mesh.tcpRefused ?? []).includes(destination.name);
  // A round trip crosses both ways; each second's fate is drawn evenly so that a small window shows the ratio.
  const ratio = roundTripLoss(mesh, source.name, destination.name);
  let debt = random(`${source.name}${destination.name}${protocol}`) * 0.8;
  return Array.from({ length: 60 }, (_, second) => {
    if (second % every !== phase) return null;
    debt += ratio;
    const fails = ratio === 1 || (ratio > 0 && debt >= 1);
    if (fails) {
      debt -= 1;
      return { probes: 1, failures: 1, rttMeanNs: undefined, rttMaxNs: undefined };
    }
    if (refused) return { probes: 1, failures: 0, rttMeanNs: undefined, rttMaxNs: undefined };
    const rtt = Math.round(
      baseRttNs(slot) *
        (0.92 + 0.16 * random(`${source.name}${destination.name}${network}${protocol}${second}`)) *
        (random(`${second}${destination.name}${source.name}`) > 0.985 ? 2.6 : 1),
    );
    return { probes: 1, failures: 0, rttMeanNs: rtt, rttMaxNs: rtt };
  });
}

function sampleWindow(
  mesh: SampleMesh,
  { source, destination, protocol }: SampleSlot,
  seconds: readonly (SecondSummary | null)[],
): WindowSummary {
  const done = seconds.filter((s) => s !== null);
  const failures = done.filter((s) => s.failures > 0).length;
  const rtts = done.flatMap((s) => s.rttMeanNs ?? []);
  const answered = rtts.length > 0;
  const isDead = destination.name in (mesh.dead ?? {});
  const there = isDead ? 1 : lossOf(mesh, source.name, destination.name);
  const back = lossOf(mesh, destination.name, source.name);
  // With nothing coming back a session cannot tell the direction.
  const lostForward = protocol === "udp" && answered ? Math.round(failures * (there / (there + back || 1))) : 0;
  const lostReverse = protocol === "udp" && answered ? failures - lostForward : 0;
  const steps = rtts.slice(1).map((rtt, i) => Math.abs(rtt - rtts[i]!));
  return {
    probes: done.length,
    failures,
    refusals: protocol === "tcp" && (mesh.tcpRefused ?? []).includes(destination.name) ? done.length - failures : 0,
    reasons: failures > 0 ? { timeout: failures } : {},
    retransmits: protocol === "tcp" ? (isDead ? failures * 2 : failures) : 0,
    lostForward,
    lostReverse,
    rttMeanNs: answered ? Math.round(sum(rtts) / rtts.length) : undefined,
    rttMinNs: answered ? Math.min(...rtts) : undefined,
    rttMaxNs: answered ? Math.max(...rtts) : undefined,
    jitterNs: steps.length > 0 ? Math.round(sum(steps) / steps.length) : undefined,
  };
}

function samplePathMtu(mesh: SampleMesh, source: Node, destination: Node): PathMtu {
  const believed = 1_450;
  const passesBytes =
    mesh.mtuShortfall?.find(({ from, to }) => from === source.name && to === destination.name)?.passesBytes ?? believed;
  return { destination, network: "pod", family: "ipv4", passesBytes, shortfallBytes: believed - passesBytes };
}

/** Inside a zone 60–140 µs, between zones 0.5–1.6 ms, the same both ways within a few percent; the overlay a little more. */
function baseRttNs({ source, destination, network, protocol }: SampleSlot): number {
  const [a, b] = [source.zone, destination.zone].sort();
  const pair = [source.name, destination.name].sort().join();
  const zoneNs = a === b ? 60_000 : 450_000 + random(`${a}${b}`) * 1_100_000;
  const overlay = network === "pod" ? 1.18 : 1;
  const stack: Readonly<Record<Protocol, number>> = { icmp: 1, tcp: 1.25, udp: 1.08 };
  return (
    (zoneNs + random(pair) * 45_000) *
    overlay *
    stack[protocol] *
    (0.98 + 0.04 * random(`${source.name}->${destination.name}`))
  );
}

function roundTripLoss(mesh: SampleMesh, a: string, b: string): number {
  const dead = mesh.dead ?? {};
  if (a in dead || b in dead) return 1;
  return 1 - (1 - lossOf(mesh, a, b)) * (1 - lossOf(mesh, b, a));
}

const lossOf = (mesh: SampleMesh, from: string, to: string): number =>
  mesh.loss?.find((l) => l.from === from && l.to === to)?.ratio ?? 0;
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const round = (value: number, per: number): number => Math.round(value * per) / per;

/** FNV-1a (32 bit) mixed once more: 0…1, the same for the same text. */
function random(text: string): number {
  return (hash(text) >>> 0) / 2 ** 32;
}

function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function hex(text: string, digits: number): string {
  let out = "";
  for (let i = 0; out.length < digits; i++) out += (hash(`${text}/${i}`) >>> 0).toString(16).padStart(8, "0");
  return out.slice(0, digits);
}
