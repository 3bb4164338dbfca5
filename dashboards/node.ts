// One node as source and as destination of probes, and its pod network against its node network.
import { type Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { lossSteps, zeroIsFine } from "./colours.ts";
import { frame, labelVariable, openFindings, subjectsOf, UID, windowVariable } from "./frame.ts";
import { type Column, figures, list, series, toDashboard } from "./panels.ts";
import { CLUSTER, lossRatio, meanRtt, relabel, worstLossRatio } from "./promql.ts";

interface Role {
  /** End of the pair at which the node stands, and the other one. */
  readonly end: "source" | "destination";
  readonly peer: "source" | "destination";
  readonly title: string;
  readonly where: string;
}
const SOURCE: Role = {
  end: "source",
  peer: "destination",
  title: "from $node",
  where: `${CLUSTER},source_node="$node"`,
};
const DESTINATION: Role = {
  end: "destination",
  peer: "source",
  title: "to $node",
  where: `${CLUSTER},destination_node="$node"`,
};
const ROLES = [SOURCE, DESTINATION] as const;
const RATE = "$__rate_interval";
const NETWORKS = ["pod", "node"] as const;

const onNetwork = ({ where }: Role, network: string) => `${where},network="${network}"`;
const perNetwork = (expr: (role: Role) => string) =>
  ROLES.map((role) => ({ expr: expr(role), legend: `${role.title}, {{network}}` }));

/** Values by the node at the other end. A peer that has fallen silent has none from it: its last rates would outlive it by the window. */
const byPeer = ({ peer }: Role, expr: string) =>
  relabel(
    peer === "source" ? `(${expr}) and on (source_node) internode_mesh_size{${CLUSTER}}` : expr,
    `${peer}_node`,
    "peer",
  );
const peerColumns: readonly Column[] = ROLES.flatMap((role) =>
  NETWORKS.map((network): Column => ({
    name: `Loss ${role.end === "source" ? "to it" : "from it"}, ${network}`,
    unit: "percentunit",
    steps: lossSteps(),
    expr: `sum by (peer) (${byPeer(role, worstLossRatio({ by: [`${role.peer}_node`], where: onNetwork(role, network), window: "$window" }))})`,
  })),
).concat(
  NETWORKS.map((network): Column => ({
    name: `RTT to it, ${network}`,
    unit: "s",
    expr: `sum by (peer) (${byPeer(SOURCE, meanRtt({ by: ["destination_node"], where: onNetwork(SOURCE, network), window: "$window" }))})`,
  })),
);

const lossOverTime = (role: Role) =>
  series({
    title: `Loss, ${role.title}`,
    description:
      "Share of probes lost, over all peers. Loss of one protocol alone is a policy or a starved agent; loss of the pod network alone is the CNI.",
    unit: "percentunit",
    span: 12,
    height: 8,
    queries: [
      {
        expr: lossRatio({ by: ["network", "protocol"], where: role.where, window: RATE }),
        legend: "{{network}} {{protocol}}",
      },
    ],
    byProtocol: true,
  });

const rttOverTime = (role: Role) =>
  series({
    title: `Round trip, ${role.title}`,
    description: "Mean of answered probes, over all peers.",
    unit: "s",
    span: 12,
    height: 8,
    queries: [
      {
        expr: meanRtt({ by: ["network", "protocol"], where: role.where, window: RATE }),
        legend: "{{network}} {{protocol}}",
      },
    ],
    byProtocol: true,
  });

const openPair = toDashboard("Open the pair", UID.pair, { source: "node", destination: "__value.raw" });
const openPairBack = toDashboard("Open the pair, other way", UID.pair, { source: "__value.raw", destination: "node" });
const openNode = toDashboard("Open this node", UID.node, { node: "__value.raw" });
const openAgents = toDashboard("Open its agent", UID.agents, { agent: "node" });

export const node: Dashboard = frame({
  uid: UID.node,
  findings: openFindings(subjectsOf("$node")),
  title: "Node",
  description: "One node as source and as destination of probes, its pod network against its node network.",
  variables: [
    labelVariable({
      name: "node",
      label: "Node",
      description: "Nodes that are probed, whether they report or not",
      from: `internode_probes_total{${CLUSTER}}`,
      of: "destination_node",
      several: false,
    }),
    windowVariable(),
  ],
  sections: [
    {
      panels: [
        figures({
          title: "Loss",
          description: "Share of probes lost over all peers, for the protocol that loses most.",
          unit: "percentunit",
          span: 8,
          height: 5,
          queries: perNetwork(({ where }) => worstLossRatio({ by: ["network"], where, window: "$window" })),
          steps: lossSteps(),
          links: [openAgents],
        }),
        figures({
          title: "Pairs that lose",
          description:
            "Pairs of this node with a probe lost in the window, of all its pairs: few are paths, nearly all are the node.",
          unit: "percentunit",
          span: 8,
          height: 5,
          queries: perNetwork(
            ({ where, peer }) =>
              `count by (network) (sum by (network, ${peer}_node) (increase(internode_probe_failures_total{${where}}[$window])) > 0) / count by (network) (group by (network, ${peer}_node) (internode_probes_total{${where}})) or 0 * group by (network) (internode_probes_total{${where}})`,
          ),
          steps: zeroIsFine(),
        }),
        figures({
          title: "Degraded, by the alert rules",
          description:
            "Share of its pairs that the rules call degraded, the larger of source and destination. Above 60 % the node is degraded.",
          unit: "percentunit",
          span: 8,
          height: 5,
          queries: [
            {
              expr: `max by (network) (internode:node_degraded_pairs:ratio{${CLUSTER},node="$node"}) or 0 * group by (network) (internode:node_pairs:count{${CLUSTER},node="$node"})`,
              legend: "{{network}}",
            },
          ],
          steps: zeroIsFine(),
        }),
      ],
    },
    { title: "As source and as destination", panels: [...ROLES.map(lossOverTime), ...ROLES.map(rttOverTime)] },
    {
      title: "Pod network against node network",
      panels: [
        series({
          title: "ICMP loss, from and to $node",
          description: "The same protocol to the same peers on both networks. Pod alone: the CNI. Both: the underlay.",
          unit: "percentunit",
          span: 12,
          height: 8,
          queries: ROLES.map((role) => ({
            expr: lossRatio({ by: ["network"], where: `${role.where},protocol="icmp"`, window: RATE }),
            legend: `${role.end === "source" ? "from it" : "to it"}, {{network}}`,
          })),
        }),
        series({
          title: "ICMP round trip, from and to $node",
          description:
            "The same protocol to the same peers on both networks: what lies between them is what the overlay costs.",
          unit: "s",
          span: 12,
          height: 8,
          queries: ROLES.map((role) => ({
            expr: meanRtt({ by: ["network"], where: `${role.where},protocol="icmp"`, window: RATE }),
            legend: `${role.end === "source" ? "from it" : "to it"}, {{network}}`,
          })),
        }),
      ],
    },
    {
      title: "Peers",
      panels: [
        list({
          title: "Every peer of $node",
          description: "Both ways and both networks, for the protocol that loses most.",
          unit: "short",
          span: 24,
          height: 12,
          keys: { peer: "Peer" },
          columns: peerColumns,
          sortedBy: peerColumns[0]!.name,
          links: { peer: [openPair, openPairBack, openNode] },
        }),
      ],
    },
    {
      title: "Path MTU and the machine's own part",
      panels: [
        series({
          title: "Path MTU, smallest over all peers",
          description: "Largest IP packet that passes unfragmented.",
          unit: "bytes",
          span: 8,
          height: 8,
          queries: perNetwork(({ where }) => `min by (network) (internode_path_mtu_bytes{${where}})`),
        }),
        series({
          title: "Path MTU shortfall, largest over all peers",
          description:
            "What the kernel believes in, less what passes. Above 0 larger packets vanish silently: a black hole.",
          unit: "bytes",
          span: 8,
          height: 8,
          queries: perNetwork(({ where }) => `max by (network) (internode_path_mtu_shortfall_bytes{${where}})`),
        }),
        series({
          title: "SYNs sent again",
          description: "TCP handshakes whose SYN or answer was lost at first.",
          unit: "suffix:/s",
          span: 8,
          height: 8,
          queries: perNetwork(
            ({ where }) => `sum by (network) (rate(internode_tcp_syn_retransmits_total{${where}}[${RATE}]))`,
          ),
        }),
      ],
    },
  ],
});
