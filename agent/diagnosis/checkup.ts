// The answer as a list of checks, each with a mark: what was looked at, what is broken, and what nothing here can tell.
// Pure; the checks of Kubernetes' network model come first, then one check for each part of a cluster's network.
import { counted } from "../base/format.ts";
import type { Finding, FindingCode, NetworkCheckName, Verdict } from "../model/finding.ts";
import type { Row, Snapshot } from "../model/snapshot.ts";
import { capital } from "./catalogue/words.ts";

/** `absent`: the mesh has no such thing, which is no fault; `unknown`: nothing that was measured can tell. */
export type CheckState = "holds" | "broken" | "unknown" | "absent";

export const CHECKS = [
  "nodes",
  "zones",
  "pairs",
  "pod-network",
  "policy",
  "path-mtu",
  "routes",
  "dns",
  "service-path",
  "agents",
] as const;
export type CheckName = (typeof CHECKS)[number];

export interface Check {
  readonly name: NetworkCheckName | CheckName;
  readonly title: string;
  readonly state: CheckState;
  readonly text: string;
  /** Ids of the findings that break it. */
  readonly findings: readonly string[];
}

/** The part of the network that a code is about. */
const PART: Readonly<Record<FindingCode, CheckName>> = {
  "IN-NODE-DOWN": "nodes",
  "IN-NODE-LOSS": "nodes",
  "IN-SOME-PEERS": "nodes",
  "IN-GROUP-LOSS": "nodes",
  "IN-MESH-LOSS": "nodes",
  "IN-BETWEEN": "pairs",
  "IN-PAIR-CUT": "pairs",
  "IN-PAIR-LOSS": "pairs",
  "IN-SOME-PATHS": "pairs",
  "IN-LATENCY": "pairs",
  "IN-ZONE-LOSS": "zones",
  "IN-ZONE-PAIR-LOSS": "zones",
  "IN-POD-NETWORK": "pod-network",
  "IN-NODE-NETWORK": "pod-network",
  "IN-FAMILY-LOSS": "pod-network",
  "IN-MASQUERADE": "pod-network",
  "IN-ADDRESS-TWICE": "pod-network",
  "IN-DROPPED": "policy",
  "IN-REJECTED": "policy",
  "IN-PATH-MTU": "path-mtu",
  "IN-ROUTE": "routes",
  "IN-DNS": "dns",
  "IN-SERVICE-PATH": "service-path",
  "IN-AGENT-DOWN": "agents",
  "IN-AGENT-STARVED": "agents",
  "IN-MEMBERSHIP": "agents",
  "IN-NOT-MEASURED": "agents",
  "IN-UNSEEN": "agents",
};

const MODEL_TITLES: Readonly<Record<NetworkCheckName, string>> = {
  "pods-reach-pods": "Every pod reaches every pod",
  "no-nat": "No NAT between pods",
  "unique-addresses": "Every address is unique",
  "pods-and-nodes": "Pods and nodes reach each other",
};

interface Part {
  readonly title: string;
  /** What was looked at, when nothing is broken; a reason with `unknown` or `absent` when nothing could be. */
  readonly looked: (snapshot: Snapshot) => Pick<Check, "state" | "text">;
}

const holds = (text: string) => ({ state: "holds", text }) as const;
const unknown = (text: string) => ({ state: "unknown", text }) as const;
const absent = (text: string) => ({ state: "absent", text }) as const;

/** Half the rows and less tell little of the nodes whose rows are missing. */
const tooFew = (reporting: number, nodes: number) =>
  unknown(
    reporting === 0 ? "No agent reports." : `${reporting} of ${counted(nodes, "agent")} report: too few to tell.`,
  );

const measuredPairs = ({ rows }: Snapshot, wanted: (pair: Row["pairs"][number]) => boolean = () => true): number =>
  rows.reduce((sum, { pairs }) => sum + new Set(pairs.filter(wanted).map((pair) => pair.destination.name)).size, 0);

const PARTS: Readonly<Record<CheckName, Part>> = {
  nodes: {
    title: "Nodes",
    looked: ({ nodes, rows, missing }) =>
      rows.length <= missing.length
        ? tooFew(rows.length, nodes.length)
        : holds(`${counted(nodes.length, "node")}, none loses its peers.`),
  },
  zones: {
    title: "Zones",
    looked: ({ nodes, rows, missing }) => {
      const zones = new Set(nodes.flatMap(({ zone }) => (zone === "" ? [] : [zone])));
      if (zones.size === 0) return absent("The nodes carry no zone.");
      if (zones.size === 1) return absent("All nodes are in one zone.");
      return rows.length <= missing.length
        ? tooFew(rows.length, nodes.length)
        : holds(`${counted(zones.size, "zone")}, none stands out.`);
    },
  },
  pairs: {
    title: "Pairs of nodes",
    looked: (snapshot) => {
      const pairs = measuredPairs(snapshot);
      return pairs === 0
        ? unknown("No pair is measured.")
        : holds(`${counted(pairs, "ordered pair")}, none stands out.`);
    },
  },
  "pod-network": {
    title: "Pod and node network",
    looked: (snapshot) => {
      const pairs = measuredPairs(snapshot, ({ network }) => network === "pod");
      return pairs === 0
        ? absent("The agents run on the host network: there is no pod network between them.")
        : holds(`${counted(pairs, "ordered pair")}, the pod network is no worse than the node network.`);
    },
  },
  policy: {
    title: "Policies and filters",
    looked: (snapshot) => {
      const kinds = new Set(
        snapshot.rows.flatMap(({ pairs }) =>
          pairs.map(({ network, protocol }) => `${protocol.toUpperCase()} (${network})`),
        ),
      );
      return kinds.size === 0
        ? unknown("Nothing is measured.")
        : holds(`Let through: ${[...kinds].sort().join(", ")}.`);
    },
  },
  "path-mtu": {
    title: "Path MTU",
    looked: ({ rows }) => {
      const known = rows.map(({ pathMtu }) => pathMtu.filter(({ passesBytes }) => passesBytes > 0));
      const sizes = known.flat().map(({ passesBytes }) => passesBytes);
      // A pair has one on each network and for each address family.
      const pairs = known.reduce((sum, of) => sum + new Set(of.map(({ destination }) => destination.name)).size, 0);
      if (pairs === 0) return unknown("No path MTU has been measured yet, or it is switched off.");
      return holds(
        `${counted(pairs, "ordered pair")}, packets of ${Math.min(...sizes)} bytes and less pass everywhere.`,
      );
    },
  },
  routes: {
    title: "Routes",
    looked: (snapshot) => {
      const pairs = measuredPairs(snapshot, ({ hops }) => hops !== undefined);
      return pairs === 0
        ? unknown("The rows do not tell how far packets travel.")
        : holds(`${counted(pairs, "ordered pair")}, no node whose packets travel another number of hops than before.`);
    },
  },
  dns: {
    title: "Cluster DNS",
    looked: ({ rows }) => {
      const told = rows.flatMap(({ dns }) => (dns === undefined || dns.length === 0 ? [] : [dns]));
      const lookups = told.flat().reduce((sum, window) => sum + window.lookups, 0);
      if (told.length === 0) return unknown("No row tells of DNS: it is switched off, or nobody is asked.");
      return lookups === 0
        ? unknown("Nothing has been looked up within a minute.")
        : holds(`${counted(lookups, "lookup")} in a minute on ${counted(told.length, "node")}, few fail.`);
    },
  },
  "service-path": {
    title: "Service path",
    looked: ({ rows }) => {
      const told = rows.filter(({ servicePath }) => servicePath !== undefined && servicePath.paths.length > 0).length;
      return told === 0
        ? absent("No Service is probed.")
        : holds(`Service addresses work on ${counted(told, "node")}.`);
    },
  },
  agents: {
    title: "The agents themselves",
    looked: ({ rows, missing }) =>
      missing.length === 0
        ? holds(`${counted(rows.length, "agent")}, all report.`)
        : unknown(`${rows.length} of ${counted(rows.length + missing.length, "agent")} report.`),
  },
};

/** All checks, always, in this order. */
export function checkup(verdict: Verdict, snapshot: Snapshot): readonly Check[] {
  const model = verdict.checks.map((check) => {
    const title = MODEL_TITLES[check.name];
    // The sentence says its promise first, for where it stands alone.
    const text = check.text.startsWith(`${title}: `) ? capital(check.text.slice(title.length + 2)) : check.text;
    return { ...check, title, text };
  });
  return [...model, ...CHECKS.map((name) => checkOf(name, verdict.findings, snapshot))];
}

function checkOf(name: CheckName, findings: readonly Finding[], snapshot: Snapshot): Check {
  const { title, looked } = PARTS[name];
  const own = findings.filter(({ code }) => PART[code] === name);
  if (own.length === 0) return { name, title, ...looked(snapshot), findings: [] };
  const [first] = own;
  const text = own.length === 1 ? first!.text : `${first!.text} And ${own.length - 1} more.`;
  return { name, title, state: "broken", text, findings: own.map(({ id }) => id) };
}
