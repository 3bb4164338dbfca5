// A fault that is nftables rules: one table in each namespace that it lies in, laid and taken away as one.
import type { Protocol } from "../../agent/model/peer.ts";
import { PROTOCOLS } from "../../agent/probes/protocols.ts";
import { inNamespace } from "../machine.ts";
import type { FaultCounters, InForce } from "./fault.ts";

export interface Place {
  readonly namespace: string;
  /** Makes the table, with the counters `matched` and `affected`, and `lostOf` each protocol where it tells them apart. */
  readonly ruleset: string;
}

/** A counter's name: those of protocols themselves are words of nftables. */
export const lostOf = (protocol: Protocol): string => `lost_${protocol}`;

export async function layTables(family: "netdev" | "inet", table: string, places: readonly Place[]): Promise<InForce> {
  const everywhere = (...words: readonly string[]): Promise<string[]> =>
    Promise.all(places.map(({ namespace }) => inNamespace(namespace, "nft", [...words, family, table])));
  const counters = async (): Promise<FaultCounters> =>
    sumOf((await everywhere("-j", "list", "counters", "table")).map(packetsByCounter));
  await Promise.all(
    places.map(({ namespace, ruleset }) => inNamespace(namespace, "nft", ["-f", "-"], { input: ruleset })),
  );
  return {
    counters,
    async end() {
      // First the rules: what comes between a reading and an end would be in no reading.
      await everywhere("flush", "table");
      const last = await counters();
      await everywhere("delete", "table");
      return last;
    },
  };
}

function packetsByCounter(json: string): ReadonlyMap<string, number> {
  const { nftables } = JSON.parse(json) as {
    nftables: readonly { readonly counter?: { readonly name: string; readonly packets: number } }[];
  };
  return new Map(nftables.flatMap(({ counter }) => (counter ? [[counter.name, counter.packets] as const] : [])));
}

function sumOf(places: readonly ReadonlyMap<string, number>[]): FaultCounters {
  const packets = (name: string): number => places.reduce((sum, counters) => sum + (counters.get(name) ?? 0), 0);
  const told = PROTOCOLS.filter((protocol) => places.some((counters) => counters.has(lostOf(protocol))));
  return {
    matched: packets("matched"),
    affected: packets("affected"),
    ...(told.length > 0 && {
      byProtocol: Object.fromEntries(told.map((protocol) => [protocol, packets(lostOf(protocol))])),
    }),
  };
}
