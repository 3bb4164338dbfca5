// Every code a finding can have, with all that people read about it: page, command line, pager and docs/findings.md
// take their text from here. A code without an entry does not compile.
import type { FindingCode } from "../../model/finding.ts";
import {
  capital,
  directionText,
  listed,
  lossText,
  measureText,
  millis,
  scopeText,
  subjectText,
  type Said,
} from "./words.ts";

export interface CatalogueEntry {
  /** Loss of one subject is one finding, whatever it is called; any other code is a finding of its own. */
  readonly isLoss: boolean;
  /** Breaks the promise that all reach all, of pods or of nodes. */
  readonly breaksReach: boolean;
  /** In a list of codes. */
  readonly title: string;
  /** What it means and what is seen of it, for the documents. */
  readonly meaning: string;
  /** One sentence about this one finding. */
  readonly says: (said: Said) => string;
  /** Counter alerts that name the same thing, once it is strong and long enough for them. */
  readonly alerts: readonly string[];
  /** What applications notice. */
  readonly impact: string;
}

const who = ({ subject }: Said): string => capital(subjectText(subject));
const where = (said: Said): string => `${scopeText(said.scope)}${directionText(said)}`;
const loses = (said: Said): string => `${lossText(said.figures)}${where(said)}`;
const losesWith = (said: Said, others: string): string =>
  `${lossText(said.figures)}${scopeText(said.scope)} with ${others}${directionText(said)}`;
/** Two lose between them, anybody else with all others; `at`: on what and which way. */
const losing = (said: Said, at: string): string => {
  const { kind } = said.subject;
  const lost = lossText(said.figures);
  if (kind === "pair" || kind === "zone-pair") return `${between(said)} ${lost} are lost${at}`;
  return `${who(said)} ${kind === "group" ? "lose" : "loses"} ${lost}${at}`;
};
const onOrIn = ({ subject }: Said): string => `${subject.kind === "mesh" ? "in" : "on"} ${subjectText(subject)}`;
const between = (said: Said): string => {
  const { subject } = said;
  if (subject.kind === "pair" || subject.kind === "zone-pair") return `Between ${subjectText(subject)}`;
  if (subject.kind === "mesh") return "In the whole mesh";
  return `Between ${subjectText(subject)} and the others`;
};

export const CODES: Readonly<Record<FindingCode, CatalogueEntry>> = {
  "IN-NODE-DOWN": {
    isLoss: true,
    breaksReach: true,
    title: "A node has lost everybody",
    meaning:
      "Nothing is answered between this node and any other, on all networks that are measured, and its own agent does not report. It is switched off, hung, or cut off: from outside these look the same, and the causes say which is likelier.",
    says: (said) => `${who(said)} is gone: nothing gets through to it, and its agent does not report.`,
    alerts: ["InternodeNodeDegraded"],
    impact: "Pods on this node cannot be reached. The control plane marks it NotReady after about 40 seconds.",
  },
  "IN-NODE-LOSS": {
    isLoss: true,
    breaksReach: true,
    title: "A node loses packets with all others",
    meaning:
      "Loss is spread over the pairs of one node and fits no single pair, no group and no zone. The share may be far below what alerts by threshold see.",
    says: (said) => `${who(said)} loses ${losesWith(said, "its peers")}.`,
    alerts: ["InternodeNodeDegraded"],
    impact:
      "TCP repairs it with retransmits of 200 ms and more: slow requests in the tail. UDP applications lose data.",
  },
  "IN-SOME-PEERS": {
    isLoss: true,
    breaksReach: true,
    title: "A node loses some of its peers only",
    meaning:
      "Several pairs of one node fail while its other pairs are fine. A full neighbour table, missing routes or missing forwarding entries look like this.",
    says: (said) =>
      `${who(said)} has lost ${said.figures.losingPairs ?? "some"} of its ${said.figures.pairs ?? "many"} peers${scopeText(said.scope)}; the others are fine.`,
    alerts: ["InternodePairsDegraded"],
    impact: "Connections from this node fail or work depending on where the other pod happens to run.",
  },
  "IN-AGENT-DOWN": {
    isLoss: false,
    breaksReach: true,
    title: "An agent does not report, its node is fine",
    meaning:
      "The row of this node is missing for a minute while its node answers. What is lost to this agent says nothing of the network.",
    says: (said) => `The agent of ${subjectText(said.subject)} does not report; the node itself answers.`,
    alerts: ["InternodeAgentSilent"],
    impact: "None for applications. What this node sees is missing from every judgement.",
  },
  "IN-AGENT-STARVED": {
    isLoss: false,
    breaksReach: false,
    title: "An agent cannot keep up, its network is fine",
    meaning:
      "ICMP, which the kernel answers, is fine to this node, and UDP or TCP, which the agent's process must serve, is lost both ways; or the agent tells itself that it is late. Its loss is not the network's. Agents that starve together, as on one busy machine, are one finding.",
    says: ({ subject }) =>
      subject.kind === "node"
        ? `The agent of ${subjectText(subject)} gets too little CPU; its loss is not the network's.`
        : `The agents of ${subjectText(subject)} get too little CPU; what they lose is not the network's.`,
    alerts: ["InternodeAgentImpaired"],
    impact: "None by the network. Other pods on the node may starve as well.",
  },
  "IN-PAIR-CUT": {
    isLoss: true,
    breaksReach: true,
    title: "Two nodes cannot reach each other",
    meaning: "Everything between two nodes is lost while both reach others.",
    says: (said) => `${between(said)} nothing gets through${where(said)}; both reach other nodes.`,
    alerts: ["InternodePairsDegraded"],
    impact: "Connections between pods of these two nodes hang.",
  },
  "IN-PAIR-LOSS": {
    isLoss: true,
    breaksReach: false,
    title: "Packets are lost between two nodes",
    meaning: "Loss on one pair that neither of its nodes, their zones nor any group explains.",
    says: (said) => `${between(said)} ${lossText(said.figures)} are lost${where(said)}.`,
    alerts: ["InternodePairsDegraded"],
    impact: "Requests between pods of these two nodes are slow in the tail, or fail.",
  },
  "IN-BETWEEN": {
    isLoss: true,
    breaksReach: true,
    title: "Packets are lost between two nodes, and it cannot be told at which",
    meaning:
      "With two or three nodes, or with little evidence, a bad node and a bad path between two nodes look the same. The answer is as far as one can tell.",
    says: (said) =>
      `${between(said)} ${lossText(said.figures)} are lost${where(said)}; whether one of the two or the path is at fault cannot be told.`,
    alerts: ["InternodePairsDegraded"],
    impact: "Requests between pods of these nodes are slow in the tail, or fail.",
  },
  "IN-ZONE-LOSS": {
    isLoss: true,
    breaksReach: true,
    title: "A zone loses packets with all others",
    meaning: "The nodes of one zone lose packets with the rest of the mesh, and are fine among themselves.",
    says: (said) => `${who(said)} loses ${losesWith(said, "the rest")}.`,
    alerts: ["InternodeZoneDegraded"],
    impact: "Traffic across zones of everything that runs in this zone.",
  },
  "IN-ZONE-PAIR-LOSS": {
    isLoss: true,
    breaksReach: true,
    title: "Packets are lost between two zones",
    meaning: "The pairs between two zones (or inside one) lose packets, and the nodes at both ends are fine otherwise.",
    says: (said) => `${between(said)} ${lossText(said.figures)} are lost${where(said)}.`,
    alerts: ["InternodeZonePairDegraded"],
    impact: "Traffic between these zones: replication, services whose endpoints are in the other zone.",
  },
  "IN-GROUP-LOSS": {
    isLoss: true,
    breaksReach: true,
    title: "Several nodes lose packets together",
    meaning:
      "A set of nodes loses packets with the rest and is fine inside: they share something that the cluster does not know, such as a rack switch, an uplink or a hypervisor. The group is found by its loss and named by its members.",
    says: (said) =>
      `${who(said)} lose ${losesWith(said, "all others")}, and are fine among themselves: they share something.`,
    alerts: [],
    impact: "Everything that crosses the border of this group.",
  },
  "IN-MESH-LOSS": {
    isLoss: true,
    breaksReach: true,
    title: "Packets are lost everywhere",
    meaning: "Loss is spread evenly over the whole mesh: no node, zone or pair stands out.",
    says: (said) => `${who(said)} loses ${loses(said)}; nobody stands out.`,
    alerts: ["InternodeMeshDegraded"],
    impact: "Every application in the cluster.",
  },
  "IN-POD-NETWORK": {
    isLoss: true,
    breaksReach: true,
    title: "The pod network loses packets, the node network is fine",
    meaning:
      "The same nodes reach each other on their own addresses and not, or not well, over the pod network: the fault is in the overlay or the CNI, not in the machines' network.",
    says: (said) => `${losing(said, ` on the pod network${directionText(said)}`)}; the node network is fine.`,
    alerts: ["InternodePodNetworkDegraded"],
    impact: "Pods cannot talk, while kubelet, SSH and everything with hostNetwork is fine.",
  },
  "IN-NODE-NETWORK": {
    isLoss: true,
    breaksReach: true,
    title: "The node network loses packets, the pod network is fine",
    meaning:
      "Pods reach each other while probes to node addresses are lost. Usually a firewall between nodes lets the tunnel through and not the probe.",
    says: (said) => `${losing(said, ` on the node network${directionText(said)}`)}; the pod network is fine.`,
    alerts: ["InternodeNodeDegraded", "InternodeProtocolBlocked"],
    impact: "Kubelet, API server and hostNetwork pods, if it is more than a filter for ICMP.",
  },
  "IN-DROPPED": {
    isLoss: true,
    breaksReach: true,
    title: "One protocol is dropped silently",
    meaning:
      "All probes of one protocol are lost from one moment on, without an answer, while another protocol on the same pairs is fine. A policy, security group or firewall that drops looks like this.",
    says: (said) => `${between(said)} every packet is dropped${where(said)}; other protocols are fine.`,
    alerts: ["InternodeProtocolBlocked"],
    impact: "What uses this protocol or port between these nodes hangs until it times out.",
  },
  "IN-REJECTED": {
    isLoss: false,
    breaksReach: false,
    title: "Connections are rejected",
    meaning:
      "Probes that were answered are now refused or rejected: the path works, and somebody says no. Rejected by another address than the target's own is a policy; by the target itself is a closed port.",
    says: (said) => `${between(said)} probes are rejected${where(said)}; the path itself works.`,
    alerts: ["InternodePairsBlocked"],
    impact: "Connections fail at once.",
  },
  "IN-FAMILY-LOSS": {
    isLoss: true,
    breaksReach: true,
    title: "One address family loses packets, the other is fine",
    meaning: "IPv4 and IPv6 between the same nodes differ: routes, firewalls or neighbour discovery of one family.",
    says: (said) => `${losing(said, where(said))}; the other address family is fine.`,
    alerts: ["InternodeProtocolBlocked"],
    impact: "Dual-stack applications are slow to connect, those of one family fail.",
  },
  "IN-SOME-PATHS": {
    isLoss: true,
    breaksReach: false,
    title: "Some of several equal paths are bad",
    meaning:
      "Some UDP source ports lose all they send while others lose nothing: routers spread flows over equal paths (ECMP, a bond), and at least one of these is bad. With eight ports a bad one of four is seen on nearly all pairs together.",
    says: (said) =>
      `${between(said)} at least one of several equal paths is bad: some source ports lose everything, others nothing${scopeText(said.scope)}${directionText(said)}.`,
    alerts: [],
    impact: "A fixed share of connections hangs; the same connection tried again from another port works.",
  },
  "IN-PATH-MTU": {
    isLoss: false,
    breaksReach: false,
    title: "Large packets vanish",
    meaning:
      "Packets above a size are lost without a word, although the kernel believes that they fit: a path MTU black hole. Small packets, and so ping, are fine.",
    says: (said) =>
      `${between(said)} packets over ${said.figures.passesBytes ?? "a certain number of"} bytes vanish${scopeText(said.scope)}; small ones pass.`,
    alerts: ["InternodePathMtuBlackHole"],
    impact: "Connections open and then hang with the first large answer: TLS handshakes, uploads.",
  },
  "IN-ROUTE": {
    isLoss: false,
    breaksReach: false,
    title: "A route has changed or differs by direction",
    meaning:
      "Packets travel another number of hops than before, or more hops one way than back. It is no fault by itself; it is told when loss or delay came with it, or when it concerns most pairs of a node.",
    says: (said) =>
      said.figures.hopsBefore === undefined
        ? `${between(said)} packets take another way there than back${scopeText(said.scope)}.`
        : `${between(said)} packets travel ${said.figures.hops ?? "another number of"} hops instead of ${said.figures.hopsBefore}${scopeText(said.scope)}.`,
    alerts: [],
    impact: "Often none; delay or loss when the other way is worse.",
  },
  "IN-LATENCY": {
    isLoss: false,
    breaksReach: false,
    title: "Round trips have become slower",
    meaning:
      "The fastest round trips, not only the slowest, take more than twice as long as before and at least 1 ms longer: the way is longer or a queue stands full.",
    says: (said) =>
      `${between(said)} round trips take ${millis(said.figures.rttNs)} instead of ${millis(said.figures.rttBeforeNs)}${scopeText(said.scope)}.`,
    alerts: ["InternodeLatencyHigh"],
    impact: "Everything that waits for answers.",
  },
  "IN-DNS": {
    isLoss: false,
    breaksReach: false,
    title: "DNS lookups fail",
    meaning: "More than a tenth of the lookups of a node's agent fail.",
    says: (said) => `DNS lookups fail ${onOrIn(said)}.`,
    alerts: ["InternodeDnsFailing"],
    impact: "Applications wait five seconds or fail when they look up names.",
  },
  "IN-SERVICE-PATH": {
    isLoss: false,
    breaksReach: false,
    title: "Service addresses fail, pods are reached",
    meaning: "Connections to a ClusterIP fail from this node while the pods behind it are reached directly.",
    says: (said) => `Service addresses do not work ${onOrIn(said)}, although pods are reached directly.`,
    alerts: ["InternodeServicePathFailing"],
    impact: "Everything on this node that uses a Service.",
  },
  "IN-ADDRESS-TWICE": {
    isLoss: false,
    breaksReach: false,
    title: "One address has two owners",
    meaning: "An address that belongs to one node is answered by another, or is given to two nodes.",
    says: (said) => `The address of ${subjectText(said.subject)} is used twice.`,
    alerts: ["InternodeAgentImpaired"],
    impact: "Packets reach one owner or the other by chance; connections break.",
  },
  "IN-MASQUERADE": {
    isLoss: false,
    breaksReach: false,
    title: "Pod traffic is masqueraded",
    meaning:
      "At least two other nodes see this node's pods under another address than their own. Kubernetes promises that pods reach each other without address translation.",
    says: (said) =>
      `Others see the pods of ${subjectText(said.subject)} under another address: traffic between pods is masqueraded.`,
    alerts: [],
    impact: "NetworkPolicies and allow lists by address match the wrong thing, logs name the wrong client.",
  },
  "IN-MEMBERSHIP": {
    isLoss: false,
    breaksReach: false,
    title: "An agent knows another mesh than the others",
    meaning: "This agent counts another number of nodes than most agents do, for longer than a rollout takes.",
    says: (said) => `The agent of ${subjectText(said.subject)} knows another number of nodes than the others.`,
    alerts: ["InternodeMembershipDisagreement"],
    impact: "Pairs that nobody measures.",
  },
  "IN-NOT-MEASURED": {
    isLoss: false,
    breaksReach: false,
    title: "Something cannot be measured",
    meaning:
      "An agent could not open a protocol, or lacks a permission. What it would have measured is unknown, not fine.",
    says: (said) =>
      said.subject.kind === "group"
        ? `${listed(said.subject.nodes)} cannot measure ${measureText(said.scope)}.`
        : `${who(said)} cannot measure ${measureText(said.scope)}.`,
    alerts: ["InternodeAgentImpaired"],
    impact: "None for applications.",
  },
  "IN-UNSEEN": {
    isLoss: false,
    breaksReach: false,
    title: "Too little is seen to judge",
    meaning:
      "Most rows are missing. Either this judge's own node is cut off, or most of the mesh is: from here it cannot be decided.",
    says: (said) =>
      `Most of the mesh cannot be seen from ${subjectText(said.subject)}: it is cut off, or the others are.`,
    alerts: ["InternodeAgentSilent"],
    impact: "Unknown. Ask an agent on another node.",
  },
};

/** Below docs/: one page, one heading a code. */
export const runbookOf = (code: FindingCode): string => `findings.md#${code.toLowerCase()}`;
