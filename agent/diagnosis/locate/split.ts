// Whether the losses of a pair fall on some of its UDP source ports entirely and on others not at all: then one of
// several equal paths is bad, between which routers choose by hashing addresses and ports.
import type { Evidence, PortEvidence } from "../evidence/evidence.ts";
import type { Topology } from "./topology.ts";

/** Nats by which two kinds of flows must explain the counts better than one loss ratio: 20,000 : 1, of a pair that loses. */
const CLEARLY = 10;
/** Loss of a good flow, and the least loss of a bad one. */
const GOOD = 0.005;
const BAD = 0.3;
/** Of the flows that lose anything: one good port of sixteen is a path that works. */
const MOST_SHARE = 0.97;

export interface Split {
  readonly isSplit: boolean;
  /** Source ports that are bad, where only one pair is looked at. */
  readonly badPorts: readonly number[];
}

export interface SplitOptions {
  readonly evidence: Evidence;
  readonly topology: Topology;
}

export function splitOf(edges: Uint32Array, { evidence, topology }: SplitOptions): Split {
  const ports = portFlows(edges, { evidence, topology });
  const { gain, share } = gainOfTwoKinds(ports);
  const isByPort = gain > CLEARLY && share < MOST_SHARE;
  return {
    isSplit:
      isByPort ||
      edges.some((edge) => isByOrder(edge, { evidence, topology }) || isByTcp(edge, { evidence, topology })),
    badPorts: ports.length === 1 ? badIn(ports[0]!) : [],
  };
}

/** Of a minute of ICMP, in one order and in the other; and TCP probes that were lost, and that were answered, by then. */
const DEAD = 0.95;
const FINE = 0.1;
const SOME = 3;

/**
 * Whether the two flows of ICMP between two nodes have different fates, while TCP, with another port each time, has now
 * the one and now the other. A round trip crosses both ways in either order, so one lossy way would make them alike; and
 * who drops one protocol drops all of it or nothing.
 */
function isByOrder(edge: number, { evidence, topology }: SplitOptions): boolean {
  const [there, back] = [topology.there[edge]!, topology.back[edge]!];
  if (there < 0 || back < 0) return false;
  const { paths } = evidence;
  const lossOf = ({ probes, failures }: Evidence["paths"][number], pair: number): number =>
    probes[pair] === 0 ? Number.NaN : failures[pair]! / probes[pair]!;
  return paths.some((icmp) => {
    if (icmp.protocol !== "icmp") return false;
    const [a, b] = [lossOf(icmp, there), lossOf(icmp, back)];
    if (!(Math.max(a, b) >= DEAD && Math.min(a, b) <= FINE)) return false;
    return paths.some((tcp) => tcp.family === icmp.family && [there, back].some((pair) => isMixedTcp(tcp, pair)));
  });
}

/**
 * Whether all flows that last (ICMP, and each source port of UDP) are hashed to a bad path, while TCP, with another port
 * each time, is now answered and now not: of a pair that is probed in one order, one in eighteen where half the paths
 * are bad. Where as good as all is lost alike, TCP is not answered either.
 */
function isByTcp(edge: number, { evidence, topology }: SplitOptions): boolean {
  const pairs = [topology.there[edge]!, topology.back[edge]!].filter((pair) => pair >= 0);
  const { paths } = evidence;
  return paths.some((tcp) => {
    if (!pairs.some((pair) => isMixedTcp(tcp, pair))) return false;
    const lasting = paths.filter((path) => path !== tcp && path.network === tcp.network && path.family === tcp.family);
    return (
      lasting.length > 1 &&
      lasting.every(({ probes, failures }) =>
        pairs.every((pair) => probes[pair]! > 0 && failures[pair]! >= probes[pair]!),
      )
    );
  });
}

function isMixedTcp({ protocol, probes, failures, retransmits }: Evidence["paths"][number], pair: number): boolean {
  if (protocol !== "tcp") return false;
  const lost = Math.min(probes[pair]!, failures[pair]! + retransmits[pair]!);
  return lost >= SOME && probes[pair]! - lost >= SOME;
}

interface Flow {
  readonly probes: number;
  readonly lost: number;
  readonly port: number;
}
/** Flows that share one loss ratio unless some of them are bad. */
type Flows = readonly Flow[];

function portFlows(edges: Uint32Array, { evidence, topology }: SplitOptions): Flows[] {
  const sets: Flows[] = [];
  for (const path of evidence.paths) {
    if (path.protocol !== "udp" || !path.ports) continue;
    forEachPair(edges, topology, (pair) => {
      const flows = flowsOfPair(path.ports!, pair);
      if (flows.some(({ lost }) => lost > 0)) sets.push(flows);
    });
  }
  return sets;
}

function flowsOfPair({ count, probes, failures }: PortEvidence, pair: number): Flow[] {
  const flows: Flow[] = [];
  for (let port = 0; port < count; port++) {
    const n = probes[pair * count + port]!;
    if (n > 0) flows.push({ probes: n, lost: Math.min(n, failures[pair * count + port]!), port });
  }
  return flows;
}

function forEachPair(edges: Uint32Array, { there, back }: Topology, work: (pair: number) => void): void {
  for (const edge of edges) {
    if (there[edge]! >= 0) work(there[edge]!);
    if (back[edge]! >= 0) work(back[edge]!);
  }
}

/** Good and bad flows, as against one ratio for each set; binomial, fitted by EM. */
function gainOfTwoKinds(sets: readonly Flows[]): { readonly gain: number; readonly share: number } {
  let [share, bad] = [0.3, 0.9];
  const flows = sets.flat();
  if (flows.length === 0) return { gain: 0, share: 0 };
  for (let step = 0; step < 15; step++) {
    let [weight, lost, probes] = [0, 0, 0];
    for (const flow of flows) {
      const ofBad = share * Math.exp(logOf(flow, bad) - logOf(flow, GOOD));
      const isBad = ofBad / (ofBad + 1 - share);
      weight += isBad;
      lost += isBad * flow.lost;
      probes += isBad * flow.probes;
    }
    share = Math.min(0.99, Math.max(0.01, weight / flows.length));
    bad = probes > 0 ? Math.min(0.98, Math.max(BAD, lost / probes)) : bad;
  }
  let gain = 0;
  for (const set of sets) {
    const [probes, lost] = set.reduce(([n, k], flow) => [n + flow.probes, k + flow.lost], [0, 0]);
    const one = Math.min(0.98, Math.max(GOOD, lost / Math.max(1, probes)));
    for (const flow of set) {
      const two = Math.log(share * Math.exp(logOf(flow, bad)) + (1 - share) * Math.exp(logOf(flow, GOOD)));
      gain += two - logOf(flow, one);
    }
  }
  return { gain, share };
}

const logOf = ({ probes, lost }: Flow, ratio: number): number =>
  lost * Math.log(ratio) + (probes - lost) * Math.log1p(-ratio);

const badIn = (flows: Flows): number[] =>
  flows.filter(({ lost, probes }) => lost > probes * BAD && lost > 1).map(({ port }) => port);
