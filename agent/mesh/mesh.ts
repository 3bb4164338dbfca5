// The mesh as the rest of the agent sees it: who is probed, who its members are, how fresh that is. Composes the source,
// membership, identities and the sample.
import type { Config } from "../config/schema.ts";
import type { Chores } from "../base/chores.ts";
import type { Clock } from "../base/clock.ts";
import type { Node, Peer, Protocol } from "../model/peer.ts";
import type { MeshExtent, PeerStatus, UnprobedPeer } from "../model/unprobed.ts";
import { ipRanges } from "../base/ip.ts";
import { familiesOf, networksOf } from "../config/plan.ts";
import { createJsonClient } from "./fetch-json.ts";
import type { AddressPolicy } from "./addresses.ts";
import { Identities, type FetchJson, type IdentityState, type IdentityTarget } from "./identity.ts";
import { createKubernetesSource } from "./kubernetes-source.ts";
import { countMembers, statusesOf, unprobedPeers, whyNothingIsProbed, type MeshCounts } from "./members.ts";
import { Membership, type Member } from "./membership.ts";
import { sampleMesh, type Sample } from "./sampling.ts";
import type { Endpoint, MeshSource } from "./source.ts";
import { createStaticSource } from "./static-source.ts";

export type { Member } from "./membership.ts";

export interface MeshOptions {
  readonly config: Pick<Config, "node" | "discovery" | "peers" | "ports" | "families" | Protocol>;
  readonly clock: Clock;
  readonly chores: Chores;
  /** In place of what `config.discovery` says: the seam for tests. */
  readonly source?: MeshSource;
  readonly fetchJson?: FetchJson;
}

export interface MeshState {
  /** When the source was last heard from, of `Clock.monotonicNs`; undefined before the first time. */
  readonly lastSyncNs: number | undefined;
  /** Seconds since then, or since the start. */
  readonly ageSeconds: number;
  /** Failures of discovery since the start. */
  readonly errors: number;
  /** The failure that lasts; undefined when all is well. */
  readonly failure: Error | undefined;
  readonly identities: IdentityState;
}

export interface Mesh extends AsyncDisposable {
  /** Whom this node probes, by name. An unchanged peer is the same object as before. */
  peers(): readonly Peer[];
  /** Every node of the mesh by name, this one too once it is listed, probed or not. */
  members(): readonly Member[];
  /** Endpoints that are listed and can be no peer, each with the reason. */
  unusable(): readonly string[];
  self(): Node;
  state(): MeshState;
  extent(): MeshExtent;
  counts(): MeshCounts;
  /** All members but this node. */
  others(): readonly PeerStatus[];
  /** Peers that are not probed, or not on every network; those that a sample leaves to others are not among them. */
  unprobed(): readonly UnprobedPeer[];
  /** Why this agent cannot do its work yet, or any more; undefined when it can. */
  whyNotReady(): string | undefined;
  /** Time has passed: decide, or ask a peer, if it is time to. Called every second at least. */
  tick(): void;
  /** Told of what happens from now on, not of what is already there. */
  listen(listener: MeshListener): Disposable;
}

export interface MeshListener {
  /** It was decided anew who is known: `peers` and `self` may be the same as before. */
  decided?(): void;
  /** `peers` or `self` is another one. */
  changed?(): void;
  /** The source was heard from: what is known is current. */
  synced?(): void;
  /** Discovery failed; what is known is kept. Each failure once. */
  failed?(error: Error): void;
}

/** What is learnt within this is decided together: a mesh that starts learns a thousand identities within seconds. */
const TOGETHER_NS = 400e6;

export function startMesh(options: MeshOptions): Mesh {
  const mesh = new RunningMesh(options);
  mesh.start();
  return mesh;
}

class RunningMesh implements Mesh {
  readonly #options: MeshOptions;
  readonly #membership: Membership;
  readonly #identities: Identities;
  readonly #client = createJsonClient();
  readonly #listeners = new Set<MeshListener>();
  readonly #startNs: number;
  #source: AsyncDisposable | undefined;
  #lookAgainNs = -Infinity;
  #lastSyncNs: number | undefined;
  #errors = 0;
  #failure: Error | undefined;
  /** The last list was not believed: hearing from the source does not make what is known current. */
  #listRefused = false;
  #hasLearnt = false;
  #sample: Sample = sampleMesh({ nodes: [], fullMeshLimit: 0, sampleSize: 0 });
  #sampledNodes = "";
  #self: Node;
  #peers: readonly Peer[] = [];
  #members: readonly Member[] = [];
  #unusable: readonly string[] = [];

  constructor(options: MeshOptions) {
    const { config, clock } = options;
    this.#options = options;
    this.#startNs = clock.monotonicNs();
    this.#self = { name: config.node.name, zone: config.node.zone };
    this.#membership = new Membership({
      ...addressPolicyOf(config),
      self: this.#self,
      ownAddresses: { pod: config.node.podAddresses, node: config.node.nodeAddresses },
      networks: networksOf(config),
      families: familiesOf(config),
      zonesComeLater: config.discovery.kind === "kubernetes",
    });
    this.#identities = new Identities({
      clock,
      port: config.ports.http,
      fetchJson: options.fetchJson ?? this.#client.fetchJson,
      changed: () => (this.#hasLearnt = true),
    });
  }

  start(): void {
    this.#source = (this.#options.source ?? sourceOf(this.#options)).start({
      endpoints: (list, unusable = []) => this.#take(list, unusable),
      synced: () => this.#synced(),
      failed: (error) => this.#failed(error),
    });
  }

  peers(): readonly Peer[] {
    return this.#peers;
  }

  members(): readonly Member[] {
    return this.#members;
  }

  unusable(): readonly string[] {
    return this.#unusable;
  }

  self(): Node {
    return this.#self;
  }

  state(): MeshState {
    const nowNs = this.#options.clock.monotonicNs();
    return {
      lastSyncNs: this.#lastSyncNs,
      ageSeconds: (nowNs - (this.#lastSyncNs ?? this.#startNs)) / 1e9,
      errors: this.#errors,
      failure: this.#failure,
      identities: this.#identities.state(),
    };
  }

  extent(): MeshExtent {
    return {
      nodes: this.#nodes().length,
      probed: this.#peers.length,
      isFullMesh: this.#sample.isFullMesh,
      largestInDegree: this.#sample.largestInDegree(),
    };
  }

  counts(): MeshCounts {
    const { largestInDegree } = this.extent();
    return countMembers({ members: this.#members, unusable: this.#unusable, largestInDegree });
  }

  others(): readonly PeerStatus[] {
    return statusesOf(this.#members);
  }

  unprobed(): readonly UnprobedPeer[] {
    return unprobedPeers(this.#members);
  }

  whyNotReady(): string | undefined {
    if (this.#lastSyncNs !== undefined) return whyNothingIsProbed(this.#members);
    return `discovery has not answered yet${this.#failure === undefined ? "" : `: ${this.#failure.message}`}`;
  }

  tick(): void {
    const nowNs = this.#options.clock.monotonicNs();
    if (nowNs < this.#lookAgainNs) return;
    this.#lookAgainNs = nowNs + TOGETHER_NS;
    if (this.#hasLearnt || nowNs >= this.#membership.nextDecisionNs()) this.#decide();
    else this.#identities.advance();
  }

  listen(listener: MeshListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #take(list: readonly Endpoint[], unusable: readonly string[]): void {
    this.#unusable = unusable;
    const verdict = this.#membership.list(list, this.#options.clock.monotonicNs());
    this.#listRefused = verdict === "kept-last-known";
    if (this.#listRefused) {
      this.#failed(
        new Error(
          `discovery lists no agent at all, though this is one: the ${this.#membership.peers().length} last known peers stay. Check that the Service still selects the agents' pods.`,
        ),
      );
      return;
    }
    this.#decide();
  }

  #synced(): void {
    if (this.#listRefused) return;
    this.#lastSyncNs = this.#options.clock.monotonicNs();
    this.#failure = undefined;
    for (const listener of this.#listeners) listener.synced?.();
  }

  #failed(error: Error): void {
    this.#errors += 1;
    this.#failure = error;
    for (const listener of this.#listeners) listener.failed?.(error);
  }

  #decide(): void {
    this.#hasLearnt = false;
    const before = { self: this.#self, peers: this.#peers };
    this.#membership.decide(this.#options.clock.monotonicNs(), this.#identities);
    const self = this.#membership.self();
    if (self.zone !== this.#self.zone) this.#self = self;
    this.#drawSample();
    const sampled = this.#sample.destinations(self.name);
    this.#members = this.#membership
      .members()
      .map((member) => (member.state === "self" || sampled.has(member.node.name) ? member : leftToOthers(member)));
    const peers = this.#membership.peers().filter((peer) => sampled.has(peer.node.name));
    if (peers.length !== this.#peers.length || peers.some((peer, i) => peer !== this.#peers[i])) this.#peers = peers;
    this.#identities.follow(this.#toAsk());
    for (const listener of this.#listeners) listener.decided?.();
    if (before.self === this.#self && before.peers === this.#peers) return;
    for (const listener of this.#listeners) listener.changed?.();
  }

  #nodes(): Node[] {
    const nodes = this.#membership.members().map((k) => k.node);
    return nodes.some((node) => node.name === this.#self.name) ? nodes : [...nodes, this.#self];
  }

  /** Every agent draws from all nodes that are listed, so that all come to the same sample. */
  #drawSample(): void {
    const nodes = this.#nodes();
    const fingerprint = nodes.map((node) => `${node.name}/${node.zone}`).join(" ");
    if (fingerprint === this.#sampledNodes) return;
    this.#sampledNodes = fingerprint;
    this.#sample = sampleMesh({ nodes, ...this.#options.config.peers });
  }

  /**
   * All of this node's sample, whether they can be probed yet or not. Those that are just terminating too: if their
   * kubelet is dead they will be peers again, and then nobody can be asked any more.
   */
  #toAsk(): IdentityTarget[] {
    const isNodeProbed = networksOf(this.#options.config).includes("node");
    return this.#members
      .filter(
        ({ unprobed, askedAt }) => Object.keys(askedAt).length > 0 && !unprobed.some((u) => u.reason === "sample"),
      )
      .map(({ node, endpointId, serving, askedAt, nodeAddressesAreLearnt }) => ({
        nodeName: node.name,
        endpointId,
        serving,
        podAddresses: askedAt,
        isNeeded: isNodeProbed && nodeAddressesAreLearnt,
      }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
    await this.#source?.[Symbol.asyncDispose]();
    await this.#identities[Symbol.asyncDispose]();
    await this.#client[Symbol.asyncDispose]();
  }
}

const leftToOthers = (member: Member): Member => ({
  ...member,
  state: "unprobed",
  unprobed: [{ reason: "sample", text: "it is not in this node's sample of a large mesh" }],
});

function addressPolicyOf({ discovery, peers }: MeshOptions["config"]): AddressPolicy {
  return {
    allowLoopback: discovery.kind === "static" && discovery.allowLoopback,
    isAllowed: ipRanges(peers.allowRanges),
  };
}

function sourceOf({ config, chores }: MeshOptions): MeshSource {
  const { discovery } = config;
  switch (discovery.kind) {
    case "static":
      return createStaticSource({ ...addressPolicyOf(config), file: discovery.file, chores });
    case "kubernetes":
      return createKubernetesSource(discovery);
  }
}
