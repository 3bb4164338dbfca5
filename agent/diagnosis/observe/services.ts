// What lies above pairs: names and service addresses.
import { counted } from "../../base/format.ts";
import { onceFor } from "../../base/once.ts";
import type { FindingCode } from "../../model/finding.ts";
import { SECONDS_TOLD, type DnsEvidence, type NodeEvidence } from "../evidence/evidence.ts";
import { EXPLAINED_BY_POD_LOSS } from "../../model/service.ts";
import { DNS_FAILING_RATIO, SERVICE_FAILING_RATIO } from "../../model/thresholds.ts";
import type { Look } from "../locate/culprits.ts";
import { told } from "./agents.ts";
import { listed } from "../catalogue/words.ts";
import { SEEN_TWICE, weigh, type Observation, type Sign, type Weighed } from "./observation.ts";

/** Lookups or connections that must fail. */
const AT_LEAST = 3;

/** Each kind by itself. */
export const OF_SERVICES: readonly ((look: Look) => Observation[])[] = [dns, servicePath];

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
  const known = look.history.coveredSeconds(SECONDS_TOLD);
  const tallies = look.evidence.nodes.map((node, i) => ({
    name: node.node.name,
    known: known[i]!,
    ...options.tally(node, i),
  }));
  const asked = tallies.filter(({ tries }) => tries > 0);
  const bad = asked.filter(
    ({ tries, failures, explained = 0 }) => failures >= AT_LEAST && failures > (options.above + explained) * tries,
  );
  if (bad.length === 0) return [];
  const isEverywhere = bad.length * 2 > asked.length && bad.length > 1;
  const sum = (of: "tries" | "failures"): number => bad.reduce((total, t) => total + t[of], 0);
  const said = `${sum("failures")} of ${sum("tries")} failed in a minute on ${bad.length} of ${counted(asked.length, "node")}`;
  const subjects = isEverywhere
    ? [{ subject: { kind: "mesh" } as const, of: bad }]
    : bad.map((one) => ({ subject: { kind: "node", node: one.name } as const, of: [one] }));
  return subjects.map(({ subject, of }) =>
    told(look, {
      code,
      subject,
      confidence: 0.95,
      causes: options.causes(isEverywhere, said),
      opensAfterSeconds: SEEN_TWICE,
      sinceSeconds: look.history.now - Math.max(...of.map(failingSeconds)),
    }),
  );
}

/** Rows tell how many of a minute failed, and not which: where all has failed since it began, these are the last of them. */
const failingSeconds = ({ tries, failures, known }: Tally & { readonly known: number }): number =>
  Math.floor((known * failures) / tries);

/**
 * One pod behind cluster DNS that is asked for itself. It may be going: what fails for applications shows at the Service.
 * An older agent calls what its resolv.conf names so, and gives no address.
 */
const isSinglePod = ({ server, address }: DnsEvidence): boolean => server === "pod" && address !== undefined;

function dns(look: Look): Observation[] {
  const what = whatFails(look);
  const podLoss = tcpLossOf(look);
  return byNodes(look, "IN-DNS", {
    above: DNS_FAILING_RATIO,
    tally({ agent }, node) {
      const windows = agent?.dns?.filter((window) => !isSinglePod(window)) ?? [];
      return {
        tries: windows.reduce((sum, { lookups }) => sum + lookups, 0),
        failures: windows.reduce((sum, { failures }) => sum + failures, 0),
        explained: EXPLAINED_BY_POD_LOSS * podLoss[node]!,
      };
    },
    causes: (isEverywhere, said) => [
      weigh("dns-server", 0, [
        [isEverywhere, said, 3],
        [!isEverywhere, "the lookups of other nodes are fine", -2],
        ...what(true),
      ]),
      weigh("dns-path", 0, [[!isEverywhere, said, 3], [isEverywhere, "most nodes are concerned", -2], ...what(false)]),
    ],
  });
}

const WORD = /^[a-z]{1,16}$/;
const KINDS_TOLD = 4;

/** Which lookups fail, by kind of name and server; `cluster` names are the cluster DNS's own, for others it asks on. */
function whatFails({ evidence }: Look): (isOfServers: boolean) => Sign[] {
  // A row is a stranger's word: only words are taken over.
  const windows = evidence.nodes
    .flatMap(({ agent }) => agent?.dns ?? [])
    .filter(({ names, server }) => WORD.test(names) && WORD.test(server));
  const failing = windows.filter(({ failures }) => failures > 0);
  const kinds = [...new Set(failing.map(({ names, server }) => `${names} names at the server '${server}'`))].sort();
  const isAnswered = windows.some(({ names, lookups, failures }) => names === "cluster" && lookups > failures);
  const isForeignOnly = isAnswered && failing.length > 0 && failing.every(({ names }) => names === "external");
  const pods = windows.filter((one) => isSinglePod(one) && one.lookups > 0);
  const addresses = (of: readonly DnsEvidence[]): number => new Set(of.map(({ address }) => address)).size;
  const silent = addresses(pods.filter(({ lookups, failures }) => failures === lookups));
  return (isOfServers) => [
    [
      pods.length > 0 && pods.every(({ failures }) => failures === 0),
      "each pod behind it answers when it is asked for itself",
      isOfServers ? -3 : 2,
    ],
    [
      silent > 0,
      `${silent} of ${counted(addresses(pods), "pod")} behind it ${silent === 1 ? "does not answer when it is asked for itself" : "do not answer when they are asked for themselves"}`,
      isOfServers ? 1 : 0,
    ],
    [kinds.length > 0, `what fails: ${listed(kinds, KINDS_TOLD)}`, 0.5],
    [isForeignOnly, "the cluster's own names are answered: it is where others are asked on", isOfServers ? 1 : -1],
  ];
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

/** By source: the share of its TCP probes between pods that failed. A Service leads to pods. */
const tcpLossOf = onceFor(({ evidence: { nodes, pairs, paths } }: Look): number[] => {
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
});
