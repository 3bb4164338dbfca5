// The addresses a peer is probed at, out of what lists and peers tell of it: those that may be probed, that are its own
// and not another node's too, and where nobody else answers. What is left out is said with its reason.
import { parseIp } from "../base/ip.ts";
import { NETWORKS, type Addresses, type IpFamily, type Network } from "../model/peer.ts";
import { claimsByAddress, ownerOf, soleOwnerOf, type Claim, type Claimant } from "./address-owners.ts";
import { checkAddresses, type AddressPolicy, type CheckedAddresses } from "./addresses.ts";
import type { NetworkAddresses, Refusal } from "./network-addresses.ts";
import type { Endpoint } from "./source.ts";

/** What peers told of themselves and of each other. */
export interface LearntIdentities {
  /** The node addresses a node told of itself; undefined while it has not been heard. */
  own(nodeName: string): Addresses | undefined;
  /** The node addresses others tell of it. */
  relayed(nodeName: string): Addresses;
  /** The node that answered at this address last. */
  answeredAt(address: string): string | undefined;
  /** Why a node could not be asked, the last time. */
  trouble(nodeName: string): string | undefined;
}

export interface PeerAddressesOptions extends AddressPolicy {
  readonly selfName: string;
  readonly ownAddresses: Readonly<Record<Network, readonly string[]>>;
}

/** The endpoint that speaks for a node. */
export interface Speaker {
  readonly endpoint: Endpoint;
  /** Higher is newer. */
  readonly seen: number;
}

export interface JudgedAddresses extends Readonly<Record<Network, NetworkAddresses>> {
  /** Pod addresses that are its own as far as lists tell: where it is asked who it is. */
  readonly askedAt: Addresses;
}

export class PeerAddresses {
  readonly #options: PeerAddressesOptions;
  readonly #own: Readonly<Record<Network, ReadonlySet<string>>>;
  readonly #checked = new Map<string, CheckedAddresses>();

  constructor(options: PeerAddressesOptions) {
    this.#options = options;
    this.#own = { pod: spellings(options.ownAddresses.pod), node: spellings(options.ownAddresses.node) };
  }

  /** On the host's network a pod's address is its node's, which slices then tell; all pods of a DaemonSet are alike. */
  get isOnHostNetwork(): boolean {
    return this.#own.pod.size > 0 && this.#own.pod.isSubsetOf(this.#own.node);
  }

  /** Of the nodes in `speakers`, all at once: an address may be said of several. */
  judge(speakers: readonly Speaker[], learnt: LearntIdentities): (speaker: Speaker) => JudgedAddresses {
    if (this.#checked.size > 4 * speakers.length) this.#checked.clear();
    const self = speakers.find(({ endpoint }) => endpoint.node.name === this.#options.selfName);
    const own: Record<Network, ReadonlySet<string>> = {
      pod: this.#own.pod.size > 0 || !self ? this.#own.pod : spellings(Object.values(self.endpoint.podAddresses)),
      node: this.#own.node,
    };
    const said = new Map(
      speakers
        .filter((speaker) => speaker !== self)
        .map((speaker) => [speaker.endpoint, this.#said(speaker.endpoint, learnt)] as const),
    );
    const claims = (network: Network) => claimsByAddress(this.#claimants(speakers, network, said, own[network]));
    const claimed = { pod: claims("pod"), node: claims("node") };
    return (speaker) => this.#judgeOne(speaker, { said: said.get(speaker.endpoint)!, claimed, learnt });
  }

  /** What is said of one node, checked. */
  #said(endpoint: Endpoint, learnt: LearntIdentities): Record<Network, CheckedAddresses> {
    const { name } = endpoint.node;
    return {
      pod: this.#check(endpoint.podAddresses),
      node: this.#check({
        ...learnt.relayed(name),
        ...(this.isOnHostNetwork ? endpoint.podAddresses : {}),
        ...learnt.own(name),
        ...endpoint.nodeAddresses,
      }),
    };
  }

  *#claimants(
    speakers: readonly Speaker[],
    network: Network,
    said: ReadonlyMap<Endpoint, Record<Network, CheckedAddresses>>,
    own: ReadonlySet<string>,
  ): Generator<Claimant> {
    yield { claim: this.#ownClaim, addresses: own };
    for (const speaker of speakers) {
      const checked = said.get(speaker.endpoint);
      if (checked) yield { claim: claimOf(speaker), addresses: Object.values(checked[network].addresses) };
    }
  }

  get #ownClaim(): Claim {
    return { nodeName: this.#options.selfName, serving: true, terminating: false, seen: Infinity };
  }

  #judgeOne(
    speaker: Speaker,
    {
      said,
      claimed,
      learnt,
    }: {
      readonly said: Record<Network, CheckedAddresses>;
      readonly claimed: Record<Network, ReadonlyMap<string, readonly Claim[]>>;
      readonly learnt: LearntIdentities;
    },
  ): JudgedAddresses {
    const claim = claimOf(speaker);
    const refusals = Object.fromEntries(
      NETWORKS.map((network) => [network, policyRefusals(network, said[network])]),
    ) as Record<Network, Refusal[]>;
    const askedAt = ownAddresses(said.pod.addresses, refusals.pod, (address) =>
      this.#podAddressTrouble(claim, address, claimed.pod.get(address)!, learnt.answeredAt(address)),
    );
    const podAddresses = ownAddresses(askedAt, refusals.pod, (address) => {
      const answered = learnt.answeredAt(address);
      if (answered === undefined || answered === claim.nodeName) return undefined;
      return { reason: "identity", text: `${answered} answers at its pod address ${address}` };
    });
    const nodeAddresses = ownAddresses(said.node.addresses, refusals.node, (address) =>
      this.#nodeAddressTrouble(claim, address, claimed.node.get(address)!),
    );
    const isImpersonated = refusals.pod.some(({ reason }) => reason === "identity");
    return {
      askedAt,
      pod: {
        network: "pod",
        addresses: podAddresses,
        refusals: refusals.pod,
        nothingSaid: { reason: "address", text: "it is listed without a pod address" },
      },
      node: {
        network: "node",
        addresses: nodeAddresses,
        refusals: refusals.node,
        nothingSaid: nodeAddressUnknown(claim.nodeName, learnt, isImpersonated),
      },
    };
  }

  #podAddressTrouble(claim: Claim, address: string, claims: readonly Claim[], answered: string | undefined) {
    const owner = ownerOf(claims, answered);
    const { selfName } = this.#options;
    if (owner.nodeName === claim.nodeName) return undefined;
    const text =
      owner.nodeName === selfName
        ? `its pod address ${address} is this agent's own, and node.name is ${selfName}`
        : `its pod address ${address} is that of ${owner.nodeName}, ${whyOwner(owner, claim, answered)}`;
    return { reason: "shared_address", text } as const;
  }

  #nodeAddressTrouble(claim: Claim, address: string, claims: readonly Claim[]) {
    if (soleOwnerOf(claims)?.nodeName === claim.nodeName) return undefined;
    const others = claims.map(({ nodeName }) => nodeName).filter((name) => name !== claim.nodeName);
    const shown = others.slice(0, SHOWN_NODES).join(", ");
    const more = others.length > SHOWN_NODES ? ` and ${others.length - SHOWN_NODES} more` : "";
    return {
      reason: "shared_address",
      text: `its node address ${address} is that of ${shown}${more} as well`,
    } as const;
  }

  /** A rollout decides of a thousand nodes again and again; their addresses are checked once. */
  #check(said: Addresses): CheckedAddresses {
    const key = `${said.ipv4 ?? ""} ${said.ipv6 ?? ""}`;
    let checked = this.#checked.get(key);
    if (!checked) this.#checked.set(key, (checked = checkAddresses(said, this.#options)));
    return checked;
  }
}

const SHOWN_NODES = 3;

const spellings = (texts: readonly string[]): ReadonlySet<string> =>
  new Set(texts.flatMap((text) => parseIp(text)?.text ?? []));

const claimOf = ({ endpoint: { node, serving, terminating }, seen }: Speaker): Claim => ({
  nodeName: node.name,
  serving,
  terminating,
  seen,
});

function policyRefusals(network: Network, { refused }: CheckedAddresses): Refusal[] {
  return refused.map(({ address, family, why }) => ({
    family,
    reason: "address",
    text: `its ${network} address ${address} is refused: ${why}`,
  }));
}

/** `addresses` without those that something is wrong with, which are added to `refusals`. */
function ownAddresses(
  addresses: Addresses,
  refusals: Refusal[],
  troubleOf: (address: string) => Omit<Refusal, "family"> | undefined,
): Addresses {
  const kept: Partial<Record<IpFamily, string>> = {};
  for (const [family, address] of Object.entries(addresses) as [IpFamily, string][]) {
    const trouble = troubleOf(address);
    if (trouble === undefined) kept[family] = address;
    else refusals.push({ family, ...trouble });
  }
  return kept;
}

function whyOwner(owner: Claim, other: Claim, answered: string | undefined): string {
  if (owner.nodeName === answered) return "which answers there";
  if (other.terminating && !owner.terminating) return "and this endpoint is terminating";
  if (owner.serving && !other.serving) return "which serves while this endpoint does not";
  if (owner.seen > other.seen) return "whose endpoint is newer";
  return "until one of them answers who it is";
}

function nodeAddressUnknown(
  nodeName: string,
  learnt: LearntIdentities,
  isImpersonated: boolean,
): NetworkAddresses["nothingSaid"] {
  const trouble = learnt.trouble(nodeName);
  if (learnt.own(nodeName) !== undefined)
    return {
      reason: "node_address",
      text: "it does not know its node's address, and no peer does; node.nodeAddresses tells it (downward API status.hostIPs)",
    };
  if (trouble === undefined) return { reason: "asking", text: "it has not been asked yet for its node's address" };
  return {
    reason: isImpersonated ? "identity" : "node_address",
    text: `its node's address is not known, because asking it failed: ${trouble}. Agents must reach each other there`,
  };
}
