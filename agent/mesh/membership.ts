// Which nodes are peers right now: a state machine from what the source lists, what identities tell and the time.
// It decides; it neither reads nor waits. Design §2.12 sentence by sentence; see docs/membership.md.
import type { Addresses, Node, Peer } from "../model/peer.ts";
import { checkAddresses, sameAddresses, type AddressPolicy, type CheckedAddresses } from "./addresses.ts";
import type { Endpoint } from "./source.ts";

const NS_PER_SECOND = 1e9;
/** A pod that has been terminating for longer than this has a kubelet that cannot end it: its node is probed again. */
export const TERMINATING_LIMIT_NS = 60 * NS_PER_SECOND;
/** How long the series of a pair wait for both zones, so that they do not begin under a wrong label. */
export const ZONE_WAIT_NS = 30 * NS_PER_SECOND;
/** A node that is gone keeps its zone in memory for this long, in case it comes back without one. */
const ZONE_MEMORY_NS = 3_600 * NS_PER_SECOND;

/** One node of the mesh as this agent knows it, whether it is probed or not. */
export interface KnownNode {
  readonly node: Node;
  readonly state: "self" | "serving" | "not_serving" | "unprobed";
  /** Why it is unprobed, for a person. */
  readonly reason?: string;
  /** The endpoint that speaks for the node: a new one means a new pod. */
  readonly endpointId: string;
  readonly podAddresses: Addresses;
  readonly nodeAddresses: Addresses;
  /** The source itself tells this node's addresses, so that nobody needs to be asked. */
  readonly nodeAddressesListed: boolean;
  /** Its pod is being deleted: gone soon, or a peer again when its kubelet is dead. */
  readonly isTerminating: boolean;
}

export interface MembershipOptions extends AddressPolicy {
  readonly self: Node;
  /** This agent's own addresses: an endpoint that has one of them is this agent, under whatever name. */
  readonly ownAddresses: readonly string[];
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
  #known: readonly KnownNode[] = [];
  #nextDecisionNs = Infinity;
  readonly #checked = new Map<string, CheckedAddresses>();

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#ownZone = options.self.zone;
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
    if (this.#checked.size > 4 * endpoints.length) this.#checked.clear();
    for (const [name, memory] of this.#nodes)
      if (nowNs - memory.lastListedNs > ZONE_MEMORY_NS) this.#nodes.delete(name);
    return "taken";
  }

  /**
   * Decide again: after a list, after something was learnt, and as time passes. True when `peers` changed.
   * `learnt` gives the node addresses that identities told, by node name.
   */
  decide(nowNs: number, learnt: (nodeName: string) => Addresses): boolean {
    this.#nextDecisionNs = Infinity;
    const byNode = Map.groupBy(this.#listed, (e) => e.node.name);
    const known: KnownNode[] = [];
    const peers: Peer[] = [];
    const before = new Map(this.#peers.map((peer) => [peer.node.name, peer]));
    for (const [name, endpoints] of [...byNode].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const decided = this.#decideNode(this.#speaker(endpoints), nowNs, learnt(name));
      known.push(decided);
      if (decided.state === "serving" || decided.state === "not_serving")
        peers.push(unchangedOr(before.get(name), toPeer(decided)));
    }
    this.#known = known;
    const changed = peers.length !== this.#peers.length || peers.some((peer, i) => peer !== this.#peers[i]);
    if (changed) this.#peers = peers;
    return changed;
  }

  /** Nodes to probe, by name. A peer that did not change is the same object as before. */
  peers(): readonly Peer[] {
    return this.#peers;
  }

  /** All nodes of the mesh, this one included when it is listed. */
  known(): readonly KnownNode[] {
    return this.#known;
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
  #speaker(endpoints: readonly Endpoint[]): Endpoint {
    const isNewer = (a: Endpoint, b: Endpoint): boolean => {
      if (a.terminating !== b.terminating) return b.terminating;
      const [listOfA, listOfB] = [this.#endpoints.get(a.id)!.firstSeenIn, this.#endpoints.get(b.id)!.firstSeenIn];
      if (listOfA !== listOfB) return listOfA > listOfB;
      return a.serving === b.serving ? a.id > b.id : a.serving;
    };
    return endpoints.reduce((newest, e) => (isNewer(e, newest) ? e : newest));
  }

  #decideNode(endpoint: Endpoint, nowNs: number, learnt: Addresses): KnownNode {
    const { self, zonesComeLater } = this.#options;
    const { zone, firstSeenNs } = this.#nodes.get(endpoint.node.name)!;
    const pod = this.#check(endpoint.podAddresses);
    const node = this.#check({ ...learnt, ...endpoint.nodeAddresses });
    const facts = {
      node: { name: endpoint.node.name, zone: endpoint.node.name === self.name ? this.#ownZone : zone },
      endpointId: endpoint.id,
      podAddresses: pod.addresses,
      nodeAddresses: node.addresses,
      nodeAddressesListed: Object.keys(endpoint.nodeAddresses).length > 0,
      isTerminating: endpoint.terminating,
    };
    const unprobed = (reason: string): KnownNode => ({ ...facts, state: "unprobed", reason });
    const { terminatingSinceNs } = this.#endpoints.get(endpoint.id)!;

    if (endpoint.node.name === self.name) return { ...facts, state: "self" };
    if (Object.values(pod.addresses).some((address) => this.#options.ownAddresses.includes(address)))
      return unprobed(`it has this agent's own address under another node name; node.name is ${self.name}`);
    if (terminatingSinceNs !== undefined && this.#waits(terminatingSinceNs + TERMINATING_LIMIT_NS, nowNs))
      return unprobed("it is terminating");
    if (Object.keys(pod.addresses).length === 0 && Object.keys(node.addresses).length === 0)
      return unprobed(
        pod.refused.length === 0 ? "it has no address" : `no address may be probed: ${pod.refused.join(", ")}`,
      );
    const zonesKnown = !zonesComeLater || (zone !== "" && this.#ownZone !== "");
    if (!zonesKnown && this.#waits(firstSeenNs + ZONE_WAIT_NS, nowNs))
      return unprobed("its zone or this node's is not known yet");
    return { ...facts, state: endpoint.serving ? "serving" : "not_serving" };
  }

  /** A rollout decides of a thousand nodes again and again; their addresses are judged once. */
  #check({ ipv4, ipv6 }: Addresses): CheckedAddresses {
    const texts = [ipv4, ipv6].filter((text) => text !== undefined);
    const key = texts.join(" ");
    let checked = this.#checked.get(key);
    if (!checked) this.#checked.set(key, (checked = checkAddresses(texts, this.#options)));
    return checked;
  }

  #waits(untilNs: number, nowNs: number): boolean {
    if (nowNs >= untilNs) return false;
    this.#nextDecisionNs = Math.min(this.#nextDecisionNs, untilNs);
    return true;
  }
}

const toPeer = ({ node, podAddresses, nodeAddresses, state }: KnownNode): Peer => ({
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
