// What lies above pairs: names, service addresses, and addresses that are not whose they should be.
import { parseIp } from "../../base/ip.ts";
import { NETWORKS } from "../../model/peer.ts";
import type { FindingCode } from "../../model/finding.ts";
import type { NodeEvidence } from "../evidence/evidence.ts";
import { EXPLAINED_BY_POD_LOSS } from "../../model/service.ts";
import { DNS_FAILING_RATIO, SERVICE_FAILING_RATIO } from "../../model/thresholds.ts";
import type { Look } from "../locate/culprits.ts";
import { told } from "./agents.ts";
import { SEEN_TWICE, weigh, type Observation, type Weighed } from "./observation.ts";

/** Lookups or connections that must fail. */
const AT_LEAST = 3;

export function observeServices(look: Look): Observation[] {
  return [...dns(look), ...servicePath(look), ...addressTwice(look), ...masquerade(look)];
}

interface Tally {
  readonly tries: number;
  readonly failures: number;
  /** Share of failures that something else explains. */
  readonly explained?: number;
}

/** Most nodes: it is what they all use. A few: it is on those nodes. */
function byNodes(
  look: Look,
  code: FindingCode,
  options: {
    /** Share of them that must fail. */
    readonly above: number;
    readonly tally: (node: NodeEvidence, index: number) => Tally;
    readonly causes: (isEverywhere: boolean, said: string) => Weighed[];
  },
): Observation[] {
  const tallies = look.evidence.nodes.map((node, i) => ({ name: node.node.name, ...options.tally(node, i) }));
  const asked = tallies.filter(({ tries }) => tries > 0);
  const bad = asked.filter(
    ({ tries, failures, explained = 0 }) => failures >= AT_LEAST && failures > (options.above + explained) * tries,
  );
  if (bad.length === 0) return [];
  const isEverywhere = bad.length * 2 > asked.length && bad.length > 1;
  const sum = (of: "tries" | "failures"): number => bad.reduce((total, t) => total + t[of], 0);
  const said = `${sum("failures")} of ${sum("tries")} failed in a minute on ${bad.length} of ${asked.length} nodes`;
  const subjects = isEverywhere
    ? [{ kind: "mesh" } as const]
    : bad.map(({ name }) => ({ kind: "node", node: name }) as const);
  return subjects.map((subject) =>
    told(look, {
      code,
      subject,
      confidence: 0.95,
      causes: options.causes(isEverywhere, said),
      opensAfterSeconds: SEEN_TWICE,
    }),
  );
}

function dns(look: Look): Observation[] {
  return byNodes(look, "IN-DNS", {
    above: DNS_FAILING_RATIO,
    tally: ({ agent }) => ({
      tries: agent?.dns?.reduce((sum, { lookups }) => sum + lookups, 0) ?? 0,
      failures: agent?.dns?.reduce((sum, { failures }) => sum + failures, 0) ?? 0,
    }),
    causes: (isEverywhere, said) => [
      weigh("dns-server", 0, [
        [isEverywhere, said, 3],
        [!isEverywhere, "the lookups of other nodes are fine", -2],
      ]),
      weigh("dns-path", 0, [
        [!isEverywhere, said, 3],
        [isEverywhere, "most nodes are concerned", -2],
      ]),
    ],
  });
}

function servicePath(look: Look): Observation[] {
  const podLoss = tcpLossOf(look);
  return byNodes(look, "IN-SERVICE-PATH", {
    above: SERVICE_FAILING_RATIO,
    tally({ agent }, node) {
      const paths = agent?.service?.filter(({ service }) => service === "agents") ?? [];
      return {
        tries: paths.reduce((sum, { probes }) => sum + probes, 0),
        failures: paths.reduce((sum, { failures }) => sum + failures, 0),
        explained: EXPLAINED_BY_POD_LOSS * podLoss[node]!,
      };
    },
    causes: (_, said) => [weigh("service-proxy", 1, [[true, said, 2]])],
  });
}

/** By source: the share of its TCP probes between pods that failed. The Service leads to the same pods. */
function tcpLossOf({ evidence: { nodes, pairs, paths } }: Look): number[] {
  const probes = nodes.map(() => 0);
  const failures = nodes.map(() => 0);
  const tcp = paths.filter(({ protocol }) => protocol === "tcp");
  for (const path of tcp) {
    for (let pair = 0; pair < pairs.count; pair++) {
      probes[pairs.source[pair]!]! += path.probes[pair]!;
      failures[pairs.source[pair]!]! += path.failures[pair]!;
    }
  }
  return nodes.map((_, node) => (probes[node]! > 0 ? failures[node]! / probes[node]! : 0));
}

/** Two nodes with one address by discovery, or an agent that answers there with another node's name. */
function addressTwice(look: Look): Observation[] {
  const owners = new Map<string, string>();
  const twice = new Map<string, string>();
  for (const { node, addresses } of look.evidence.nodes) {
    for (const network of NETWORKS) {
      for (const address of Object.values(addresses?.[network] ?? {})) {
        const text = parseIp(address)?.text ?? address;
        const owner = owners.get(text);
        if (owner !== undefined && owner !== node.name) twice.set(node.name, `${text} is ${owner}'s as well`);
        owners.set(text, node.name);
      }
    }
  }
  const tellers = new Map<string, number>();
  for (const { agent } of look.evidence.nodes) {
    for (const { node, reason } of agent?.unprobed ?? [])
      if (reason === "identity") tellers.set(node, (tellers.get(node) ?? 0) + 1);
  }
  const names = new Set(look.evidence.nodes.map(({ node }) => node.name));
  for (const [node, count] of tellers)
    if (names.has(node) && !twice.has(node)) twice.set(node, `another node answers there, as ${count} agents tell`);
  return [...twice].map(([node, why]) =>
    told(look, {
      code: "IN-ADDRESS-TWICE",
      subject: { kind: "node", node },
      confidence: 0.95,
      causes: [weigh("address-conflict", 1, [[true, why, 2]])],
      opensAfterSeconds: SEEN_TWICE,
    }),
  );
}

/** Reflectors that must agree: one alone may be behind something of its own, or lie. */
const REFLECTORS = 2;

function masquerade(look: Look): Observation[] {
  const { evidence } = look;
  const seen = new Map<number, Map<string, Set<number>>>();
  for (const { network, family, seenAs } of evidence.paths) {
    if (!seenAs || network !== "pod") continue;
    for (let pair = 0; pair < evidence.pairs.count; pair++) {
      if (seenAs[pair] === 0) continue;
      const source = evidence.pairs.source[pair]!;
      const own = evidence.nodes[source]!.addresses?.pod[family];
      const said = parseIp(evidence.addresses[seenAs[pair]! - 1]!)?.text;
      if (own === undefined || said === undefined || said === parseIp(own)?.text) continue;
      const by = seen.get(source) ?? new Map<string, Set<number>>();
      seen.set(source, by);
      by.set(said, (by.get(said) ?? new Set()).add(evidence.pairs.destination[pair]!));
    }
  }
  return [...seen].flatMap(([source, addresses]) => {
    const reflectors = new Set([...addresses.values()].flatMap((set) => [...set]));
    if (reflectors.size < REFLECTORS) return [];
    const as = [...addresses.keys()].slice(0, 2).join(" and ");
    return [
      told(look, {
        code: "IN-MASQUERADE",
        subject: { kind: "node", node: evidence.nodes[source]!.node.name },
        scope: { network: "pod" },
        confidence: 0.99,
        causes: [weigh("masquerade-rule", 1, [[true, `${reflectors.size} nodes see its pods as ${as}`, 2]])],
        opensAfterSeconds: SEEN_TWICE,
      }),
    ];
  });
}
