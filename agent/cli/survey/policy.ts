// What NetworkPolicies let through between agents, by the rules of networking.k8s.io/v1: nothing selects a pod, all is
// let through; as soon as one policy selects it for a direction, only what some policy of it allows. Pure.
import type {
  V1LabelSelector,
  V1NetworkPolicy,
  V1NetworkPolicyPeer,
  V1NetworkPolicyPort,
  V1Pod,
} from "@kubernetes/client-node";
import { contains, parseCidr } from "../../base/cidr.ts";
import type { Protocol } from "../../model/peer.ts";

type Labels = Readonly<Record<string, string>>;
type Direction = "ingress" | "egress";

export interface PolicyWorld {
  readonly policies: readonly V1NetworkPolicy[];
  readonly agents: readonly V1Pod[];
  /** Labels of namespaces by name; undefined where they may not be read. */
  readonly namespaces: ReadonlyMap<string, Labels> | undefined;
}

/** `unclear`: a rule that cannot be decided from what may be read, or that the API leaves to the CNI. */
export type Allowed = "allowed" | "denied" | "unclear";

export interface PolicyView {
  /** Those that select an agent, with the number of agents. */
  readonly selecting: readonly {
    readonly policy: V1NetworkPolicy;
    readonly agents: number;
    readonly types: readonly Direction[];
  }[];
  /** Between two agents, and by which policies it is denied. */
  readonly judge: (
    from: V1Pod,
    to: V1Pod,
    protocol: Protocol,
  ) => { readonly allowed: Allowed; readonly by: readonly string[] };
}

const DEFAULT_PROBE_PORT = 7843;

export function policyView({ policies, agents, namespaces }: PolicyWorld): PolicyView {
  const selecting = policies
    .map((policy) => ({
      policy,
      types: typesOf(policy),
      agents: agents.filter((pod) => selects(policy, pod)).length,
    }))
    .filter((one) => one.agents > 0);
  const own = selecting.map(({ policy, types }) => ({ policy, types }));
  const way = (direction: Direction, pod: V1Pod, other: V1Pod, target: V1Pod, protocol: Protocol) => {
    // Policies are for pods of the pod network.
    if (pod.spec?.hostNetwork === true) return { allowed: "allowed" as const, by: [] };
    const mine = own.filter(({ policy, types }) => types.includes(direction) && selects(policy, pod));
    if (mine.length === 0) return { allowed: "allowed" as const, by: [] };
    const answers = mine.map(({ policy }) => ruled(policy, direction, { other, target, protocol, namespaces }));
    const by = mine.map(({ policy }) => nameOf(policy));
    if (answers.includes("allowed")) return { allowed: "allowed" as const, by: [] };
    return { allowed: answers.includes("unclear") ? ("unclear" as const) : ("denied" as const), by };
  };
  return {
    selecting,
    judge(from, to, protocol) {
      const out = way("egress", from, to, to, protocol);
      const into = way("ingress", to, from, to, protocol);
      const allowed =
        ([out, into].find((one) => one.allowed === "denied") ?? [out, into].find((one) => one.allowed === "unclear"))
          ?.allowed ?? "allowed";
      return { allowed, by: [...new Set([...out.by, ...into.by])] };
    },
  };
}

export const nameOf = ({ metadata }: V1NetworkPolicy): string => `${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`;

function typesOf({ spec }: V1NetworkPolicy): Direction[] {
  const told = spec?.policyTypes;
  if (told !== undefined && told.length > 0) return told.map((type) => type.toLowerCase() as Direction);
  return spec?.egress === undefined ? ["ingress"] : ["ingress", "egress"];
}

const selects = ({ metadata, spec }: V1NetworkPolicy, pod: V1Pod): boolean =>
  metadata?.namespace === pod.metadata?.namespace && matches(spec?.podSelector ?? {}, pod.metadata?.labels ?? {});

export function matches({ matchLabels = {}, matchExpressions = [] }: V1LabelSelector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case "In":
          return value !== undefined && values.includes(value);
        case "NotIn":
          return value === undefined || !values.includes(value);
        case "Exists":
          return value !== undefined;
        case "DoesNotExist":
          return value === undefined;
        default:
          return false;
      }
    })
  );
}

interface Packet {
  readonly other: V1Pod;
  /** Whose port it is. */
  readonly target: V1Pod;
  readonly protocol: Protocol;
  readonly namespaces: PolicyWorld["namespaces"];
}

/** As the API writes it: the client's types say `_from`, since that is a word of the language elsewhere. */
interface Rule {
  readonly from?: readonly V1NetworkPolicyPeer[];
  readonly to?: readonly V1NetworkPolicyPeer[];
  readonly ports?: readonly V1NetworkPolicyPort[];
}

function ruled(policy: V1NetworkPolicy, direction: Direction, packet: Packet): Allowed {
  const rules = (policy.spec?.[direction] ?? []) as readonly Rule[];
  const answers = rules.map((rule): Allowed => {
    const peers = (direction === "ingress" ? rule.from : rule.to) ?? [];
    const peer = peers.length === 0 ? "allowed" : best(peers.map((one) => peerMatches(one, policy, packet)));
    return worst([peer, portMatches(rule.ports ?? [], packet)]);
  });
  return best(answers);
}

const best = (answers: readonly Allowed[]): Allowed =>
  answers.includes("allowed") ? "allowed" : answers.includes("unclear") ? "unclear" : "denied";
const worst = (answers: readonly Allowed[]): Allowed =>
  answers.includes("denied") ? "denied" : answers.includes("unclear") ? "unclear" : "allowed";

function peerMatches(peer: V1NetworkPolicyPeer, policy: V1NetworkPolicy, { other, namespaces }: Packet): Allowed {
  const { ipBlock, podSelector, namespaceSelector } = peer;
  if (ipBlock) {
    const range = parseCidr(ipBlock.cidr);
    const addresses = (other.status?.podIPs ?? []).flatMap(({ ip }) => parseCidr(ip ?? "") ?? []);
    if (range === undefined || addresses.length === 0) return "unclear";
    const isExcepted = (address: (typeof addresses)[number]) =>
      (ipBlock.except ?? []).some((text) => {
        const except = parseCidr(text);
        return except !== undefined && contains(except, address);
      });
    return addresses.some((address) => contains(range, address) && !isExcepted(address)) ? "allowed" : "denied";
  }
  const labels = other.metadata?.labels ?? {};
  const namespace = other.metadata?.namespace ?? "";
  if (podSelector && !matches(podSelector, labels)) return "denied";
  if (!namespaceSelector) return namespace === policy.metadata?.namespace ? "allowed" : "denied";
  // An empty one means every namespace, whatever its labels.
  if (Object.keys(namespaceSelector).length === 0) return "allowed";
  const known = namespaces?.get(namespace);
  // This one label Kubernetes sets itself, to the name.
  const sure = known ?? (onlyByName(namespaceSelector) ? { "kubernetes.io/metadata.name": namespace } : undefined);
  return sure === undefined ? "unclear" : matches(namespaceSelector, sure) ? "allowed" : "denied";
}

const onlyByName = ({ matchLabels = {}, matchExpressions = [] }: V1LabelSelector): boolean =>
  [...Object.keys(matchLabels), ...matchExpressions.map(({ key }) => key)].every(
    (key) => key === "kubernetes.io/metadata.name",
  );

function portMatches(ports: readonly V1NetworkPolicyPort[], { target, protocol }: Packet): Allowed {
  if (ports.length === 0) return "allowed";
  // Ports are of TCP, UDP and SCTP. What a rule with ports means for ICMP is left to the CNI.
  if (protocol === "icmp") return "unclear";
  const declared = (target.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  const isTheirs = (port: { readonly protocol?: string }) => (port.protocol ?? "TCP") === protocol.toUpperCase();
  const probe =
    declared.find(({ name, ...port }) => name?.startsWith("probe") && isTheirs(port))?.containerPort ??
    DEFAULT_PROBE_PORT;
  const hit = ports.some(({ protocol: its = "TCP", port, endPort }) => {
    if (its !== protocol.toUpperCase()) return false;
    if (port === undefined) return true;
    if (typeof port === "string" && !/^\d+$/.test(port))
      return declared.some((one) => one.name === port && isTheirs(one) && one.containerPort === probe);
    return endPort === undefined ? Number(port) === probe : Number(port) <= probe && probe <= endPort;
  });
  return hit ? "allowed" : "denied";
}
