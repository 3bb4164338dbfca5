// What arrived from each peer, also from those of which nothing did.
import { familiesOf } from "../config/plan.ts";
import type { Config } from "../config/schema.ts";
import type { Peer } from "../model/peer.ts";
import type { UdpReceived } from "../model/snapshot.ts";

export interface ExpectedSenders {
  readonly config: Pick<Config, "udp" | "families" | "node">;
  readonly peers: readonly Peer[];
}

/** In a full mesh every peer probes this node: what has not arrived yet is a 0, not an absence. */
export function* withSilentPeers(
  received: Iterable<UdpReceived>,
  { config, peers }: ExpectedSenders,
): Generator<UdpReceived> {
  const heard = new Set<string>();
  for (const arrived of received) {
    heard.add(`${arrived.source.name}/${arrived.network}/${arrived.family}`);
    yield arrived;
  }
  for (const { node: source, addresses } of peers) {
    for (const network of config.udp.networks) {
      for (const family of familiesOf(config)) {
        if (addresses[network][family] === undefined || heard.has(`${source.name}/${network}/${family}`)) continue;
        yield { source, network, family, received: 0, incarnation: "", highest: 0, bitmap: "" };
      }
    }
  }
}
