// One pair of nodes, there and back, on both networks, with all protocols side by side.
import { type Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { lossSteps, plain, PROTOCOLS, zeroIsFine } from "./colours.ts";
import { frame, labelVariable, openFindings, subjectsOf, UID, windowVariable } from "./frame.ts";
import { figures, list, series, toDashboard } from "./panels.ts";
import { CLUSTER, lossRatio, meanRtt, orQuiet } from "./promql.ts";

interface Way {
  readonly name: "there" | "back";
  readonly title: string;
  readonly where: string;
}
const THERE: Way = {
  name: "there",
  title: "$source → $destination",
  where: `${CLUSTER},source_node="$source",destination_node="$destination"`,
};
const BACK: Way = {
  name: "back",
  title: "$destination → $source",
  where: `${CLUSTER},source_node="$destination",destination_node="$source"`,
};
const WAYS = [THERE, BACK] as const;
const RATE = "$__rate_interval";
const [POD, NODE] = ["#1f78c8", "#d98a1f"];

/** One table of both ways: their lines are told apart by `way`. */
const bothWays = (expr: (where: string) => string) =>
  WAYS.map(({ name, where }) => `label_replace(${expr(where)}, "way", "${name}", "", "")`).join(" or ");

const bands = [
  { mean: "pod mean", max: "pod max", color: POD },
  { mean: "node mean", max: "node max", color: NODE },
];
const roundTrips = ({ title, where }: Way) =>
  Object.keys(PROTOCOLS).map((protocol) => {
    const reading = { by: ["network"], where: `${where},protocol="${protocol}"`, window: RATE };
    return series({
      title: `${protocol.toUpperCase()} round trip, ${title}`,
      description:
        "Line: mean of answered probes. Band: up to the largest of the trailing minute. The pod network above the node network is what the overlay costs.",
      unit: "s",
      span: 8,
      height: 8,
      queries: [
        { expr: meanRtt(reading), legend: "{{network}} mean" },
        { expr: `max by (network) (internode_rtt_max_seconds{${reading.where}})`, legend: "{{network}} max" },
      ],
      bands,
    });
  });

const lossOverTime = ({ title, where }: Way) =>
  series({
    title: `Loss, ${title}`,
    description:
      "A probe is a round trip: loss on one way of a link shows both ways here. The panels of UDP below tell the direction. A SYN sent again counts as a lost packet.",
    unit: "percentunit",
    span: 12,
    height: 8,
    queries: [
      { expr: lossRatio({ by: ["network", "protocol"], where, window: RATE }), legend: "{{network}} {{protocol}}" },
    ],
    byProtocol: true,
  });

/** A packet dies on the way from A to B as A's test packet or as A's answer to B: two witnesses. */
const udpLost = (way: Way, other: Way) =>
  series({
    title: `UDP packets that died on the way ${way.title}`,
    description:
      "As each end tells: its own test packets lost on the way there, and answers to the other end lost on the way back.",
    unit: "suffix:/s",
    span: 8,
    height: 8,
    queries: [
      {
        expr: `sum by (network) (rate(internode_directional_lost_total{${way.where},direction="forward"}[${RATE}]))`,
        legend: "{{network}}: test packets",
      },
      {
        expr: `sum by (network) (rate(internode_directional_lost_total{${other.where},direction="reverse"}[${RATE}]))`,
        legend: "{{network}}: answers",
      },
    ],
  });

const perWay = (expr: (where: string) => string, legend: string) =>
  WAYS.map(({ name, where }) => ({ expr: expr(where), legend: `${name}, ${legend}` }));

const openNode = (title: string, node: string) => toDashboard(title, UID.node, { node });

export const pair: Dashboard = frame({
  uid: UID.pair,
  findings: openFindings(subjectsOf("$source", "$destination")),
  title: "Pair",
  description: "One pair of nodes: both ways, both networks, all protocols.",
  variables: [
    labelVariable({
      name: "source",
      label: "Source",
      description: "Where the probes come from",
      from: `internode_probes_total{${CLUSTER}}`,
      of: "source_node",
      several: false,
    }),
    labelVariable({
      name: "destination",
      label: "Destination",
      description: "Where they go to",
      from: `internode_probes_total{${CLUSTER},source_node="$source"}`,
      of: "destination_node",
      several: false,
    }),
    windowVariable(),
  ],
  sections: [
    {
      panels: [
        list({
          title: "$source ⇄ $destination, at the end of the time range",
          description:
            "Both ways, by network and protocol. there: probes of the source. back: probes of the destination.",
          unit: "short",
          span: 16,
          height: 9,
          keys: { way: "Probes", network: "Network", protocol: "Protocol" },
          columns: [
            {
              name: "Loss",
              unit: "percentunit",
              steps: lossSteps(),
              expr: bothWays((where) => lossRatio({ by: ["network", "protocol"], where, window: "$window" })),
            },
            {
              name: "Mean round trip",
              unit: "s",
              expr: bothWays((where) => meanRtt({ by: ["network", "protocol"], where, window: "$window" })),
            },
            {
              name: "Largest, last minute",
              unit: "s",
              expr: bothWays((where) => `max by (network, protocol) (internode_rtt_max_seconds{${where}})`),
            },
            {
              name: "Probes",
              unit: "suffix:/s",
              expr: bothWays((where) => `sum by (network, protocol) (rate(internode_probes_total{${where}}[$window]))`),
            },
          ],
          sortedBy: "Loss",
        }),
        figures({
          title: "Path MTU",
          description: "Largest IP packet that passes unfragmented.",
          unit: "bytes",
          span: 4,
          height: 9,
          queries: perWay((where) => `min by (network) (internode_path_mtu_bytes{${where}})`, "{{network}}"),
          steps: plain(),
          links: [openNode("Open the source", "source"), openNode("Open the destination", "destination")],
        }),
        figures({
          title: "MTU shortfall",
          description:
            "What the kernel believes in, less what passes. Above 0 larger packets vanish silently: a black hole.",
          unit: "bytes",
          span: 4,
          height: 9,
          queries: perWay((where) => `max by (network) (internode_path_mtu_shortfall_bytes{${where}})`, "{{network}}"),
          steps: zeroIsFine(),
        }),
      ],
    },
    { title: "Loss", panels: WAYS.map(lossOverTime) },
    { title: "Round trips there", panels: roundTrips(THERE) },
    { title: "Round trips back", panels: roundTrips(BACK) },
    {
      title: "Which way, and why",
      panels: [
        udpLost(THERE, BACK),
        udpLost(BACK, THERE),
        series({
          title: "UDP test packets that arrived",
          description:
            "What the far end counted, of what was sent: tells the direction even when everything is lost. The two are scraped at different moments.",
          unit: "percentunit",
          span: 8,
          height: 8,
          queries: perWay(
            (where) =>
              `clamp_max(sum by (network) (rate(internode_udp_received_total{${where}}[${RATE}])) / (sum by (network) (rate(internode_probes_total{${where},protocol="udp"}[${RATE}])) > 0), 1)`,
            "{{network}}",
          ),
          max: 1,
        }),
        series({
          title: "SYNs sent again",
          description: "TCP handshakes whose SYN or answer was lost at first. Their delay is not in any round trip.",
          unit: "suffix:/s",
          span: 8,
          height: 8,
          queries: perWay(
            (where) => `sum by (network) (rate(internode_tcp_syn_retransmits_total{${where}}[${RATE}]))`,
            "{{network}}",
          ),
        }),
        series({
          title: "Failed probes by reason",
          description:
            "timeout: nothing came back. unreachable: a router or the kernel said so. blocked: a policy said so. What a firewall drops silently is a timeout.",
          unit: "suffix:/s",
          span: 8,
          height: 8,
          queries: perWay(
            (where) =>
              orQuiet({
                expr: `sum by (network, protocol, reason) (rate(internode_probe_failure_reasons_total{${where}}[${RATE}]))`,
                label: "reason",
              }),
            "{{network}} {{protocol}} {{reason}}",
          ),
        }),
        series({
          title: "Answers late, duplicate or corrupt, and probes refused",
          description: "Counted apart from loss. A refusal proves the path: nothing listens there.",
          unit: "suffix:/s",
          span: 8,
          height: 8,
          queries: perWay(
            (where) =>
              orQuiet({
                expr: `(sum by (network, protocol, kind) (rate(internode_probe_anomalies_total{${where}}[${RATE}])) or label_replace(sum by (network, protocol) (rate(internode_probe_refusals_total{${where}}[${RATE}])), "kind", "refused", "", ""))`,
                label: "kind",
              }),
            "{{network}} {{protocol}} {{kind}}",
          ),
        }),
      ],
    },
  ],
});
