// Which nodes are peers right now: a state machine from what the source lists, what identities tell and the time.
// It decides; it neither reads nor waits. Design §2.12 sentence by sentence; see docs/membership.md.
import { NETWORKS, type Addresses, type IpFamily, type Network, type Node, type Peer } from "../model/peer.ts";
import type { Unprobed } from "../model/unprobed.ts";
import { firstOfEachFamily } from "../base/ip.ts";
import { sameAddresses } from "./addresses.ts";
import { isProbeable, unprobedOn, type ProbedFamilies } from "./network-addresses.ts";
import {
  PeerAddresses,
  type JudgedAddresses,
  type PeerAddressesOptions,
  type Speaker,
  type LearntIdentities,
} from "./peer-addresses.ts";
import type { Endpoint } from "./source.ts";

const NS_PER_SECOND = 1e9;
/** A pod that has been terminating for longer than this has a kubelet that cannot end it: its node is probed again. */
export const TERMINATING_LIMIT_NS = 60 * NS_PER_SECOND;
/** How long the series of a pair wait for both zones, so that they do not begin under a wrong label. */
export const ZONE_WAIT_NS = 30 * NS_PER_SECOND;
/** A node that is gone keeps its zone in memory for this long, in case it comes back without one. */
const ZONE_MEMORY_NS = 3_600 * NS_PER_SECOND;

/** One node of the mesh as this agent knows it, whether it is probed or not. */
export interface Member {
  readonly node: Node;
  readonly state: "self" | "serving" | "not_serving" | "unprobed";
  /** Why it is unprobed, or a network of it; empty when it is probed wherever it should be. */
  readonly unprobed: readonly Unprobed[];
  readonly serving: boolean;
  /** The endpoint that speaks for the node: a new one means a new pod. */
  readonly endpointId: string;
  /** Where it is probed. */
  readonly podAddresses: Addresses;
  readonly nodeAddresses: Addresses;
  /** Pod addresses that are its own as far as lists tell: where it is asked who it is. */
  readonly askedAt: Addresses;
  /** Nothing but its own word, or a relayed one, tells this node's addresses. */
  readonly nodeAddressesAreLearnt: boolean;
}

export interface MembershipOptions extends Omit<PeerAddressesOptions, "selfName"> {
  readonly self: Node;
  /** What is probed of every peer. */
  readonly networks: readonly Network[];
  readonly families: readonly IpFamily[];
  /** False where the source says all it will ever say of zones (a static mesh): then no pair waits for one. */
  readonly zonesComeLater: boolean;
}

/** What became of a list. */
export type ListVerdict = "taken" | "kept-last-known";

interface EndpointMemory {
  /** Which list it came with first: later ones are newer pods. */
  readonly firstSeenIn: number;
  terminatingSinceNs: number | undefined;
}

interface NodeMemory {
  zone: string;
  readonly firstSeenNs: number;
  lastListedNs: number;
}

export class Membership {
  readonly #options: MembershipOptions;
  #listed: readonly Endpoint[] = [];
  /** By endpoint id. */
  readonly #endpoints = new Map<string, EndpointMemory>();
  /** By node name. */
  readonly #nodes = new Map<string, NodeMemory>();
  #lists = 0;
  #ownZone: string;
  #peers: readonly Peer[] = [];
  #members: readonly Member[] = [];
  #nextDecisionNs = Infinity;
  readonly #addresses: PeerAddresses;
  readonly #plan: ProbedFamilies;

  constructor(options: MembershipOptions) {
    const { self, networks, families, ownAddresses } = options;
    this.#options = options;
    this.#ownZone = self.zone;
    this.#addresses = new PeerAddresses({ ...options, selfName: self.name });
    this.#plan = {
      networks,
      families,
      own: { pod: familiesIn(ownAddresses.pod), node: familiesIn(ownAddresses.node) },
    };
  }

  /**
   * The source's complete list. An empty one is not believed once anything is known: this agent itself is an endpoint
   * of the Service, so a list of nothing says that the list is broken (a selector, the controller), not that all left.
   */
  list(endpoints: readonly Endpoint[], nowNs: number): ListVerdict {
    if (endpoints.length === 0 && this.#listed.length > 0) return "kept-last-known";
    this.#listed = endpoints;
    this.#lists += 1;
    const ids = new Set(endpoints.map((e) => e.id));
    for (const id of this.#endpoints.keys()) if (!ids.has(id)) this.#endpoints.delete(id);
    for (const endpoint of endpoints) {
      this.#rememberEndpoint(endpoint, nowNs);
      this.#rememberNode(endpoint.node, nowNs);
    }
    for (const [name, memory] of this.#nodes)
      if (nowNs - memory.lastListedNs > ZONE_MEMORY_NS) this.#nodes.delete(name);
    return "taken";
  }

  /** Decide again: after a list, after something was learnt, and as time passes. True when `peers` changed. */
  decide(nowNs: number, learnt: LearntIdentities): boolean {
    this.#nextDecisionNs = Infinity;
    const byNode = Map.groupBy(this.#listed, (e) => e.node.name);
    const speakers = [...byNode].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoints]) => this.#speaker(endpoints));
    const judged = this.#addresses.judge(speakers, learnt);
    const before = new Map(this.#peers.map((peer) => [peer.node.name, peer]));
    this.#members = speakers.map((speaker) =>
      speaker.endpoint.node.name === this.#options.self.name
        ? this.#decideSelf(speaker)
        : this.#decideNode(speaker, judged(speaker), nowNs),
    );
    const peers = this.#members
      .filter(({ state }) => state === "serving" || state === "not_serving")
      .map((member) => unchangedOr(before.get(member.node.name), toPeer(member)));
    const changed = peers.length !== this.#peers.length || peers.some((peer, i) => peer !== this.#peers[i]);
    if (changed) this.#peers = peers;
    return changed;
  }

  /** Nodes to probe, by name. A peer that did not change is the same object as before. */
  peers(): readonly Peer[] {
    return this.#peers;
  }

  /** All nodes of the mesh, this one included when it is listed. */
  members(): readonly Member[] {
    return this.#members;
  }

  /** When time alone will change something; Infinity when it will not. */
  nextDecisionNs(): number {
    return this.#nextDecisionNs;
  }

  self(): Node {
    return { name: this.#options.self.name, zone: this.#ownZone };
  }

  #rememberEndpoint({ id, terminating }: Endpoint, nowNs: number): void {
    let memory = this.#endpoints.get(id);
    if (!memory) this.#endpoints.set(id, (memory = { firstSeenIn: this.#lists, terminatingSinceNs: undefined }));
    memory.terminatingSinceNs = terminating ? (memory.terminatingSinceNs ?? nowNs) : undefined;
  }

  #rememberNode({ name, zone }: Node, nowNs: number): void {
    if (name === this.#options.self.name && zone !== "") this.#ownZone = zone;
    const memory = this.#nodes.get(name);
    if (!memory) {
      this.#nodes.set(name, { zone, firstSeenNs: nowNs, lastListedNs: nowNs });
    } else {
      memory.lastListedNs = nowNs;
      if (zone !== "") memory.zone = zone;
    }
  }

  /** Of two endpoints on one node the newest that is not terminating; of those listed together, the one that serves. */
  #speaker(endpoints: readonly Endpoint[]): Speaker {
    const seen = (e: Endpoint): number => this.#endpoints.get(e.id)!.firstSeenIn;
    const isNewer = (a: Endpoint, b: Endpoint): boolean => {
      if (a.terminating !== b.terminating) return b.terminating;
      if (seen(a) !== seen(b)) return seen(a) > seen(b);
      return a.serving === b.serving ? a.id > b.id : a.serving;
    };
    const endpoint = endpoints.reduce((newest, e) => (isNewer(e, newest) ? e : newest));
    return { endpoint, seen: seen(endpoint) };
  }

  #decideSelf({ endpoint }: Speaker): Member {
    return {
      node: this.self(),
      state: "self",
      unprobed: [],
      serving: endpoint.serving,
      endpointId: endpoint.id,
      podAddresses: firstOfEachFamily(Object.values(endpoint.podAddresses)),
      nodeAddresses: firstOfEachFamily(this.#options.ownAddresses.node),
      askedAt: {},
      nodeAddressesAreLearnt: false,
    };
  }

  #decideNode({ endpoint }: Speaker, { askedAt, ...on }: JudgedAddresses, nowNs: number): Member {
    const { serving } = endpoint;
    const { zone, firstSeenNs } = this.#nodes.get(endpoint.node.name)!;
    const { terminatingSinceNs } = this.#endpoints.get(endpoint.id)!;
    const networks = NETWORKS.map((network) => on[network]);
    const facts = {
      node: { name: endpoint.node.name, zone },
      serving,
      endpointId: endpoint.id,
      podAddresses: on.pod.addresses,
      nodeAddresses: on.node.addresses,
      askedAt,
      nodeAddressesAreLearnt: !this.#addresses.isOnHostNetwork && Object.keys(endpoint.nodeAddresses).length === 0,
    };
    const waits = (reason: Unprobed["reason"], text: string): Member => ({
      ...facts,
      state: "unprobed",
      unprobed: [{ reason, text }],
    });
    if (terminatingSinceNs !== undefined && this.#waits(terminatingSinceNs + TERMINATING_LIMIT_NS, nowNs))
      return waits("terminating", "its pod is terminating");
    const unprobed = networks.flatMap((network) => unprobedOn(network, this.#plan) ?? []);
    if (!isProbeable(networks, this.#plan)) return { ...facts, state: "unprobed", unprobed };
    const zonesKnown = !this.#options.zonesComeLater || (zone !== "" && this.#ownZone !== "");
    if (!zonesKnown && this.#waits(firstSeenNs + ZONE_WAIT_NS, nowNs))
      return waits("zone", "its zone or this node's is not known yet");
    return { ...facts, state: serving ? "serving" : "not_serving", unprobed };
  }

  #waits(untilNs: number, nowNs: number): boolean {
    if (nowNs >= untilNs) return false;
    this.#nextDecisionNs = Math.min(this.#nextDecisionNs, untilNs);
    return true;
  }
}

const familiesIn = (texts: readonly string[]): readonly IpFamily[] =>
  Object.keys(firstOfEachFamily(texts)) as IpFamily[];

const toPeer = ({ node, podAddresses, nodeAddresses, state }: Member): Peer => ({
  node,
  addresses: { pod: podAddresses, node: nodeAddresses },
  serving: state === "serving",
});

function unchangedOr(before: Peer | undefined, now: Peer): Peer {
  const same =
    before !== undefined &&
    before.node.zone === now.node.zone &&
    before.serving === now.serving &&
    sameAddresses(before.addresses.pod, now.addresses.pod) &&
    sameAddresses(before.addresses.node, now.addresses.node);
  return same ? before : now;
}
