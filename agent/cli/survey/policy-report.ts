// Which policies select the agents, what they let through between them, and whether what is measured agrees.
import type { V1Namespace, V1NetworkPolicy, V1Pod } from "@kubernetes/client-node";
import { counted, listed } from "../../base/format.ts";
import type { Protocol } from "../../model/peer.ts";
import { PROTOCOLS } from "../../probes/protocols.ts";
import type { Snapshot } from "../../model/snapshot.ts";
import { KINDS, valueOf, whyNot, type Kind, type Objects, type Reading } from "../cluster/objects.ts";
import { AGENT_PODS } from "../cluster/agent-pods.ts";
import { items, tableOf, text, type Item, type Report } from "../report/report.ts";
import type { Unreached } from "../sources.ts";
import { nameOf, policyView, type PolicyView } from "./policy.ts";
import { unseenSection } from "./topology-report.ts";

/** Other kinds of policy. They are counted, not evaluated: each has its own rules. */
const OTHER_KINDS: Readonly<Record<string, Kind>> = {
  CiliumNetworkPolicy: { group: "cilium.io", version: "v2", plural: "ciliumnetworkpolicies" },
  CiliumClusterwideNetworkPolicy: { group: "cilium.io", version: "v2", plural: "ciliumclusterwidenetworkpolicies" },
  "Calico NetworkPolicy": { group: "crd.projectcalico.org", version: "v1", plural: "networkpolicies" },
  "Calico GlobalNetworkPolicy": { group: "crd.projectcalico.org", version: "v1", plural: "globalnetworkpolicies" },
  "Antrea ClusterNetworkPolicy": { group: "crd.antrea.io", version: "v1beta1", plural: "clusternetworkpolicies" },
  AdminNetworkPolicy: { group: "policy.networking.k8s.io", version: "v1alpha1", plural: "adminnetworkpolicies" },
  BaselineAdminNetworkPolicy: {
    group: "policy.networking.k8s.io",
    version: "v1alpha1",
    plural: "baselineadminnetworkpolicies",
  },
};

export interface PolicySources {
  readonly objects: Objects | Unreached;
  readonly snapshot: Snapshot | Unreached;
}

export async function policyReport({ objects, snapshot }: PolicySources): Promise<Report> {
  if ("why" in objects) return unseenReport([`the API server was not asked: ${objects.why}`]);
  const pods = await objects.list<V1Pod>(KINDS.pods, { labels: AGENT_PODS });
  if (pods.kind !== "read") return unseenReport([`the agents' pods were not seen: ${whyNot(pods)}`]);
  const agents = pods.value.filter(({ metadata, spec }) => isDaemons(metadata) && spec?.nodeName !== undefined);
  if (agents.length === 0) return unseenReport([`there is no agent: no pod of a DaemonSet with ${AGENT_PODS}`]);
  const own = [...new Set(agents.map(({ metadata }) => metadata?.namespace ?? ""))];
  const readings = await Promise.all(
    own.map((namespace) => objects.list<V1NetworkPolicy>(KINDS.networkPolicies, { namespace })),
  );
  const refused = readings.find(({ kind }) => kind !== "read");
  if (refused) return unseenReport([`NetworkPolicies were not seen: ${whyNot(refused)}`]);
  const [namespaces, others] = await Promise.all([objects.list<V1Namespace>(KINDS.namespaces), otherKinds(objects)]);
  const labels = valueOf(namespaces)?.map(({ metadata }) => [metadata?.name ?? "", metadata?.labels ?? {}] as const);
  const view = policyView({
    policies: readings.flatMap((reading) => [...(valueOf(reading) ?? [])]),
    agents,
    namespaces: labels && new Map(labels),
  });
  const mesh = "why" in snapshot ? undefined : snapshot;
  const lines = PROTOCOLS.map((protocol) => compare(protocol, { view, agents, mesh }));
  const isFault = lines.some(({ isFault: broken }) => broken);
  const denied = lines.filter(({ denied: pairs }) => pairs > 0).map(({ protocol }) => protocol.toUpperCase());
  const count = counted(view.selecting.length, "NetworkPolicy", "NetworkPolicies");
  return {
    title: "policy",
    headline:
      view.selecting.length === 0
        ? `No NetworkPolicy selects the ${counted(agents.length, "agent")}: all is let through between them.`
        : denied.length > 0
          ? `${count} of the agents: ${denied.join(" and ")} ${denied.length === 1 ? "is" : "are"} denied between some of them.`
          : `${count} of the agents: all their probes are let through.`,
    isFault,
    sections: [
      {
        title: "Policies that select agents",
        blocks: [
          view.selecting.length === 0
            ? text("None.")
            : tableOf(
                ["policy", "agents", "for", "rules"],
                view.selecting.map(({ policy, agents: n, types }) => [
                  nameOf(policy),
                  `${n} of ${agents.length}`,
                  types.join(", "),
                  types.map((type) => `${policy.spec?.[type]?.length ?? 0} ${type}`).join(", "),
                ]),
              ),
        ],
      },
      { title: "Between agents, on the pod network", blocks: [items(lines.map(itemOf))] },
      ...(others.found.length === 0
        ? []
        : [
            {
              title: "Other kinds of policy, not evaluated here",
              blocks: [items(others.found.map((found) => ({ mark: "note" as const, text: found })))],
            },
          ]),
      ...unseenSection([
        ...(namespaces.kind === "read" ? [] : [`labels of namespaces were not seen: ${whyNot(namespaces)}`]),
        ...others.unseen,
        ...("why" in snapshot ? [`what is measured: the agents were not asked: ${snapshot.why}`] : []),
      ]),
    ],
    data: {
      agents: agents.length,
      policies: view.selecting.map(({ policy, agents: n, types }) => ({ name: nameOf(policy), agents: n, types })),
      protocols: lines,
      others: others.found,
    },
  };
}

const isDaemons = (metadata: V1Pod["metadata"]): boolean =>
  metadata?.ownerReferences?.some(({ kind }) => kind === "DaemonSet") ?? false;

interface Line {
  readonly protocol: Protocol;
  /** Ordered pairs of agents. */
  readonly allowed: number;
  readonly denied: number;
  readonly unclear: number;
  readonly deniedBy: readonly string[];
  /** Of those measured on the pod network: let through and yet lost, denied and yet answered. */
  readonly lostThoughAllowed: number;
  readonly answeredThoughDenied: number;
  readonly measured: number;
  readonly isFault: boolean;
  readonly details: readonly string[];
}

interface World {
  readonly view: PolicyView;
  readonly agents: readonly V1Pod[];
  readonly mesh: Snapshot | undefined;
}

const NAMED = 4;

function compare(protocol: Protocol, { view, agents, mesh }: World): Line {
  const counts = { allowed: 0, denied: 0, unclear: 0 };
  const by = new Set<string>();
  const [lost, answered]: [string[], string[]] = [[], []];
  let measured = 0;
  const seen = measuredOf(mesh, protocol);
  for (const from of agents)
    for (const to of agents) {
      if (from === to) continue;
      const { allowed, by: policies } = view.judge(from, to, protocol);
      counts[allowed]++;
      if (allowed === "denied") for (const name of policies) by.add(name);
      const [source, destination] = [from.spec?.nodeName ?? "", to.spec?.nodeName ?? ""];
      const passes = seen.get(source)?.get(destination);
      if (passes === undefined) continue;
      measured++;
      if (allowed === "allowed" && !passes) lost.push(`${source} → ${destination}`);
      if (allowed === "denied" && passes) answered.push(`${source} → ${destination}`);
    }
  return {
    protocol,
    ...counts,
    deniedBy: [...by],
    measured,
    lostThoughAllowed: lost.length,
    answeredThoughDenied: answered.length,
    isFault: counts.denied > 0 || lost.length > 0,
    details: [
      ...(by.size > 0 ? [`denied by ${[...by].join(", ")}: no rule of it lets this through`] : []),
      ...(answered.length > 0
        ? [`denied, and yet answered: ${listed(answered, NAMED)}. The CNI does not enforce policies, or not yet.`]
        : []),
      ...(lost.length > 0
        ? [
            `let through, and yet all is lost: ${listed(lost, NAMED)}. It is not these policies: look at another kind of policy, or at 'internode doctor'.`,
          ]
        : []),
      ...(counts.unclear > 0
        ? [
            protocol === "icmp"
              ? `${counted(counts.unclear, "pair")}: rules with ports say nothing of ICMP, and each CNI does as it likes`
              : `${counted(counts.unclear, "pair")}: it depends on labels of namespaces or on addresses that could not be seen`,
          ]
        : []),
    ],
  };
}

/** Source → destination → whether anything was answered, on the pod network in the last minute. */
function measuredOf(mesh: Snapshot | undefined, protocol: Protocol): Map<string, Map<string, boolean>> {
  const seen = new Map<string, Map<string, boolean>>();
  for (const { source, pairs } of mesh?.rows ?? [])
    for (const { destination, network, protocol: its, window } of pairs) {
      if (network !== "pod" || its !== protocol || window.probes === 0) continue;
      const own = seen.get(source.name) ?? new Map<string, boolean>();
      own.set(destination.name, (own.get(destination.name) ?? false) || window.failures < window.probes);
      seen.set(source.name, own);
    }
  return seen;
}

function itemOf(line: Line): Item {
  const { protocol, allowed, denied, unclear, measured, isFault, details } = line;
  const parts = [
    ...(allowed > 0 ? [`let through for ${counted(allowed, "pair")}`] : []),
    ...(denied > 0 ? [`denied for ${counted(denied, "pair")}`] : []),
    ...(unclear > 0 ? [`cannot be told for ${counted(unclear, "pair")}`] : []),
  ];
  const agreement = measured === 0 ? "" : `; ${counted(measured, "pair")} measured`;
  return {
    mark: isFault ? "broken" : unclear > 0 ? "unknown" : "fine",
    text: `${protocol.toUpperCase()}: ${parts.join(", ") || "there is one agent only"}${agreement}`,
    details,
  };
}

async function otherKinds(objects: Objects): Promise<{ readonly found: string[]; readonly unseen: string[] }> {
  const readings = await Promise.all(
    Object.entries(OTHER_KINDS).map(async ([name, kind]) => [name, await objects.list(kind)] as const),
  );
  const refused = (reading: Reading<unknown>) => reading.kind === "forbidden" || reading.kind === "failed";
  return {
    found: readings.flatMap(([name, reading]) => {
      const n = valueOf(reading)?.length ?? 0;
      return n === 0 ? [] : [`${name}: ${n}`];
    }),
    unseen: readings.filter(([, reading]) => refused(reading)).map(([name, reading]) => `${name}: ${whyNot(reading)}`),
  };
}

const unseenReport = (unseen: readonly string[]): Report => ({
  title: "policy",
  headline: "What policies let through could not be seen.",
  isFault: true,
  sections: unseenSection(unseen),
  data: { agents: 0, policies: [], protocols: [], others: [] },
});
