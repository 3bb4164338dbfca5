// Addresses that are not whose they should be: one that two nodes have, and pods that others see under another one.
// Both need two tellers: one alone may be behind something of its own, or lie.
import { counted } from "../../base/format.ts";
import { parseIp } from "../../base/ip.ts";
import { onceFor } from "../../base/once.ts";
import { IP_FAMILIES, NETWORKS } from "../../model/peer.ts";
import type { Evidence } from "../evidence/evidence.ts";
import type { Look } from "../locate/culprits.ts";
import { listed } from "../catalogue/words.ts";
import { told } from "./agents.ts";
import { SEEN_TWICE, weigh, type Observation, type Sign } from "./observation.ts";

/** Agents that must agree. */
const TELLERS = 2;

/** Each kind by itself. */
export const OF_ADDRESSES: readonly ((look: Look) => Observation[])[] = [addressTwice, masquerade];

/** Two nodes with one address by the judge's own discovery, or several agents that meet another node there. */
function addressTwice(look: Look): Observation[] {
  const listedTwice = sharedByDiscovery(look.evidence);
  const tellers = new Map<string, string[]>();
  for (const { node, agent } of look.evidence.nodes)
    for (const { node: accused, reason } of agent?.unprobed ?? [])
      if (reason !== "other" && accused !== node.name)
        tellers.set(accused, [...new Set([...(tellers.get(accused) ?? []), node.name])]);
  return look.evidence.nodes.flatMap(({ node: { name } }): Observation[] => {
    const shared = listedTwice.get(name);
    const by = tellers.get(name) ?? [];
    if (shared === undefined && by.length < TELLERS) return [];
    return [
      told(look, {
        code: "IN-ADDRESS-TWICE",
        subject: { kind: "node", node: name },
        confidence: 0.95,
        causes: [
          weigh("address-conflict", 1, [
            [shared !== undefined, `by discovery ${shared ?? ""}`, 2],
            [
              by.length > 0,
              `another node answers there, or has it too, as ${listed(by)} ${by.length === 1 ? "tells" : "tell"}`,
              2,
            ],
            [by.length === 0, "no agent has met another node there yet", -1],
          ]),
        ],
        opensAfterSeconds: SEEN_TWICE,
      }),
    ];
  });
}

function sharedByDiscovery({ nodes }: Evidence): ReadonlyMap<string, string> {
  const owners = new Map<string, string>();
  const shared = new Map<string, string>();
  for (const { node, addresses } of nodes)
    for (const network of NETWORKS)
      for (const address of Object.values(addresses?.[network] ?? {})) {
        const text = parseIp(address)?.text ?? address;
        const owner = owners.get(text);
        if (owner !== undefined && owner !== node.name) shared.set(node.name, `${text} is ${owner}'s as well`);
        owners.set(text, node.name);
      }
  return shared;
}

/** As whom the reflectors of other nodes see one node's pods. */
export interface SeenPods {
  /** How many nodes see its own address. */
  readonly own: number;
  /** Nodes that see another one, and which. */
  readonly other: ReadonlyMap<number, string>;
}

/**
 * By node; none where nobody tells, or discovery does not know the node's own address. A finding and the checks of
 * Kubernetes' network model ask for the same.
 */
export const seenPods = onceFor(readSeenPods);

function readSeenPods({ nodes, pairs, paths, addresses }: Evidence): ReadonlyMap<number, SeenPods> {
  const seen = new Map<number, { own: number; readonly other: Map<number, string> }>();
  // By pair: both families may tell the same.
  const seesOwn = new Uint8Array(pairs.count);
  const ownAddress = nodes.map(({ addresses: known }) =>
    Object.fromEntries(IP_FAMILIES.map((family) => [family, parseIp(known?.pod[family] ?? "")?.text])),
  );
  const texts = addresses.map((address) => parseIp(address)?.text);
  for (const { network, family, seenAs, probes, failures } of paths) {
    if (!seenAs || network !== "pod") continue;
    for (let pair = 0; pair < pairs.count; pair++) {
      // What was seen before everything was lost says nothing of now.
      if (seenAs[pair] === 0 || probes[pair]! <= failures[pair]!) continue;
      const source = pairs.source[pair]!;
      const own = ownAddress[source]![family];
      const said = texts[seenAs[pair]! - 1];
      if (own === undefined || said === undefined) continue;
      let of = seen.get(source);
      if (!of) seen.set(source, (of = { own: 0, other: new Map() }));
      if (said !== own) of.other.set(pairs.destination[pair]!, said);
      else if (seesOwn[pair] === 0) {
        of.own++;
        seesOwn[pair] = 1;
      }
    }
  }
  return seen;
}

function masquerade(look: Look): Observation[] {
  const { evidence } = look;
  return [...seenPods(evidence)].flatMap(([source, { own, other }]) => {
    if (other.size < TELLERS) return [];
    const as = [...new Set(other.values())];
    const signs: Sign[] = [
      [true, `${counted(other.size, "node")} ${other.size === 1 ? "sees" : "see"} its pods as ${listed(as, 2)}`, 2],
      [own > 0, `${counted(own, "node")} ${own === 1 ? "sees" : "see"} the pods' own address`, -1],
    ];
    return [
      told(look, {
        code: "IN-MASQUERADE",
        subject: { kind: "node", node: evidence.nodes[source]!.node.name },
        scope: { network: "pod" },
        confidence: 0.99,
        causes: [weigh("masquerade-rule", 1, signs)],
        opensAfterSeconds: SEEN_TWICE,
      }),
    ];
  });
}
