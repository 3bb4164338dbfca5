// Whether a network of a peer can be probed, and if not, why: from the addresses that are left of those it was said
// to have.
import { IP_FAMILIES, type Addresses, type IpFamily, type Network } from "../model/peer.ts";
import type { Unprobed } from "../model/unprobed.ts";

/** An address that was said and is not probed. */
export interface Refusal extends Pick<Unprobed, "reason" | "text"> {
  readonly family: IpFamily;
}

export interface NetworkAddresses {
  readonly network: Network;
  readonly addresses: Addresses;
  readonly refusals: readonly Refusal[];
  /** What to say where no address was said at all. */
  readonly nothingSaid: Pick<Unprobed, "reason" | "text">;
}

/** What is probed of every peer, and which families this node itself has on each network. */
export interface ProbedFamilies {
  readonly networks: readonly Network[];
  readonly families: readonly IpFamily[];
  readonly own: Readonly<Record<Network, readonly IpFamily[]>>;
}

/** Whether any probe can be sent. */
export const isProbeable = (on: readonly NetworkAddresses[], { networks, families }: ProbedFamilies): boolean =>
  on.some(
    ({ network, addresses }) =>
      networks.includes(network) && families.some((family) => addresses[family] !== undefined),
  );

/** Why this network is not probed in every family that is expected of it; undefined when it is, or is not to be. */
export function unprobedOn(
  { network, addresses, refusals, nothingSaid }: NetworkAddresses,
  plan: ProbedFamilies,
): Unprobed | undefined {
  if (!plan.networks.includes(network)) return undefined;
  const missing = missingFamilies(addresses, plan.families, plan.own[network]);
  if (missing.length === 0) return undefined;
  const [refused, ...more] = refusals.filter(({ family }) => missing.includes(family));
  if (refused) return { network, reason: refused.reason, text: [refused, ...more].map(({ text }) => text).join("; ") };
  const has = IP_FAMILIES.filter((family) => addresses[family] ?? refusals.some((r) => r.family === family));
  if (has.length === 0) return { network, ...nothingSaid };
  const names = missing.map(familyName).join(" or ");
  const text = `it has no ${names} address on the ${network} network, and \`families\` probes ${names}; it has ${has.map(familyName).join(" and ")}`;
  return { network, reason: "family", text };
}

/** A peer should have what this node has; where this node has none of the families that are probed, any will do. */
function missingFamilies(
  addresses: Addresses,
  probed: readonly IpFamily[],
  own: readonly IpFamily[],
): readonly IpFamily[] {
  const isMissing = (family: IpFamily): boolean => addresses[family] === undefined;
  const expected = probed.filter((family) => own.includes(family));
  if (expected.length > 0) return expected.filter(isMissing);
  return probed.every(isMissing) ? probed : [];
}

const familyName = (family: IpFamily): string => (family === "ipv4" ? "IPv4" : "IPv6");
