// What is probed of every peer, as the configuration has it.
import { familyOf } from "../base/ip.ts";
import { NETWORKS, type IpFamily, type Network } from "../model/peer.ts";
import { PROTOCOLS, type ProbedNetworks } from "../probes/protocols.ts";
import type { Config } from "./schema.ts";

/** The families to probe: that of the first pod address, or those asked for. */
export function familiesOf({ families, node }: Pick<Config, "families" | "node">): readonly IpFamily[] {
  if (families !== "primary") return families;
  const [first] = [...node.podAddresses, ...node.nodeAddresses];
  return [first === undefined ? "ipv4" : familyOf(first)];
}

/** The networks that some protocol is probed on. */
export function networksOf(config: ProbedNetworks): readonly Network[] {
  return NETWORKS.filter((network) => PROTOCOLS.some((protocol) => config[protocol].networks.includes(network)));
}
