// What actions on paths take from the mesh: where a peer is, by whose name an address goes, and the kernel to send by.
import { familiesOf } from "../../config/plan.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { NETWORKS, type IpFamily, type Network, type Peer } from "../../model/peer.ts";
import { ActionError, type ActionContext } from "../action.ts";

export interface PathTarget {
  readonly network: Network;
  readonly family: IpFamily;
  readonly address: string;
}

/** Every address of the peer that was asked for. Throws ActionError when there is none. */
export function pathTargets(
  { config, peer }: Pick<ActionContext, "config" | "peer">,
  asked: {
    readonly target: string;
    readonly networks: readonly Network[];
    readonly families?: readonly IpFamily[] | undefined;
  },
): readonly PathTarget[] {
  const { addresses } = peer(asked.target);
  const families = asked.families ?? familiesOf(config);
  const targets = NETWORKS.filter((network) => asked.networks.includes(network)).flatMap((network) =>
    families.flatMap((family): PathTarget[] => {
      const address = addresses[network][family];
      return address === undefined ? [] : [{ network, family, address }];
    }),
  );
  if (targets.length > 0) return targets;
  throw new ActionError(
    `no ${families.join(" or ")} address of ${asked.target} is known on the ${asked.networks.join(" or ")} network: see /api/v1/peers of this agent`,
  );
}

/** Throws ActionError where the agent measures without FFI. */
export function kernelOf({ engine, self }: Pick<ActionContext, "engine" | "self">, what: string): Kernel {
  if (engine.engine.kind === "kernel") return engine.engine.kernel;
  throw new ActionError(
    `${what} needs the kernel engine, and the agent of ${self.name} runs the userspace one: Node.js cannot read a socket's errors. Set engine to kernel`,
  );
}

/** Whose address this is, where the mesh knows it. */
export function nodesByAddress(peers: readonly Peer[]): ReadonlyMap<string, string> {
  return new Map(
    peers.flatMap(({ node, addresses }) =>
      NETWORKS.flatMap((network) => Object.values(addresses[network]).map((address) => [address, node.name] as const)),
    ),
  );
}
