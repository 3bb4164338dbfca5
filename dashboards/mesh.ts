// The whole mesh at one moment: alerts, zones, nodes, the worst pairs; then how delays moved.
import { type Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { DEAD, lossSteps, plain, rttSteps, zeroIsFine } from "./colours.ts";
import {
  findingsList,
  firingAlerts,
  frame,
  labelVariable,
  networkVariable,
  openFindings,
  UID,
  windowVariable,
} from "./frame.ts";
import { buckets, figures, list, matrix, rowsOverTime, SELF, type Special, toDashboard } from "./panels.ts";
import {
  CLUSTER,
  lossRatio,
  meanRtt,
  nameZones,
  relabel,
  worstLossRatio,
  worstPairLossRatio,
  zoneRttQuantile,
} from "./promql.ts";

const PAIR = ["source_node", "destination_node"] as const;
const ZONES = ["source_zone", "destination_zone"] as const;
const WINDOW = "$window";
const SLOTS = `${CLUSTER},network="$network",protocol=~"$protocol"`;
const WHERE = `${SLOTS},source_zone=~"$source_zone",destination_zone=~"$destination_zone",source_node=~"$from_node",destination_node=~"$to_node"`;
const ZONES_WHERE = `${SLOTS},source_zone=~"$source_zone",destination_zone=~"$destination_zone"`;
const pairs = { by: PAIR, where: WHERE, window: WINDOW };
const zones = { by: ZONES, where: ZONES_WHERE, window: WINDOW };

/** No delay, because nothing came back. */
const NO_ANSWER: Special = { value: -2, text: "lost", color: DEAD };

/** More nodes than this are not readable as a matrix; then the worst of them are shown. */
const READABLE_NODES = 60;
const WORST_NODES = 40;

/** One cell a node that is on both axes, whether it reports or is only probed: a silent agent keeps its row, without data. */
const selfPairs = (() => {
  const seenAs = (end: string, otherEnd: string) =>
    relabel(
      `group by (${end}_node) (internode_probes_total{${SLOTS},${end}_zone=~"$source_zone",${end}_zone=~"$destination_zone",${end}_node=~"$from_node",${end}_node=~"$to_node"})`,
      `${end}_node`,
      `${otherEnd}_node`,
    );
  return `(${seenAs("destination", "source")} or ${seenAs("source", "destination")}) * 0 + ${SELF.value}`;
})();

/** Nodes by what they lose at either end, the slower of two that lose nothing first; few enough to be read. */
const shownNodes = (() => {
  const trouble = (end: string) =>
    relabel(
      `sum by (${end}_node) (rate(internode_probe_failures_total{${WHERE}}[${WINDOW}]) + rate(internode_rtt_seconds_sum{${WHERE}}[${WINDOW}]) / 1000)`,
      `${end}_node`,
      "node",
    );
  const limit = `scalar(${READABLE_NODES} - ${READABLE_NODES - WORST_NODES} * (count(group by (source_node) (internode_mesh_size{${CLUSTER}})) > bool ${READABLE_NODES}))`;
  return `topk(${limit}, sum by (node) (${trouble("source")} or ${trouble("destination")}))`;
})();

/**
 * The cells of a matrix, and its diagonal, for the nodes that are shown. A rate outlives its series by the window: what an
 * agent that has fallen silent said last must not stand there as if it were said now.
 */
const nodeMatrix = (cells: string) =>
  `((${cells}) and on (source_node) internode_mesh_size{${CLUSTER}} or ${selfPairs}) and on (source_node) ${relabel(shownNodes, "node", "source_node")} and on (destination_node) ${relabel(shownNodes, "node", "destination_node")}`;

/** Delays, and NO_ANSWER where probes were completed and none was answered. */
const rttOrLost = (reading: typeof pairs | typeof zones) =>
  `${meanRtt(reading)} or (sum by (${reading.by.join(", ")}) (rate(internode_probes_total{${reading.where}}[${WINDOW}])) > 0) * 0 + ${NO_ANSWER.value}`;

const worstPairs = (() => {
  const [loss, rtt] = [worstPairLossRatio(pairs), meanRtt(pairs)];
  return (expr: string) =>
    `${expr} and on (source_node, destination_node) topk(20, ${loss} + ((${rtt}) / 1000 or 0 * ${loss}))`;
})();

const openPair = toDashboard("Open this pair", UID.pair, { source: "__data.fields[0]", destination: "__field.name" });
const openRow = toDashboard("Open this node", UID.node, { node: "__value.raw" });
const openNode = toDashboard("Open this node", UID.node, { node: "__value.raw" });
const zoneVariable = (end: "source" | "destination") =>
  labelVariable({
    name: `${end}_zone`,
    label: end === "source" ? "From zone" : "To zone",
    description: `Zone of the ${end} node`,
    from: `internode_probes_total{${CLUSTER}}`,
    of: `${end}_zone`,
    several: true,
  });
/** Not `source` and `destination`: links among the dashboards carry variables by name, and a pair is no filter of the mesh. */
const nodeVariable = (end: "source" | "destination") =>
  labelVariable({
    name: end === "source" ? "from_node" : "to_node",
    label: end === "source" ? "From node" : "To node",
    description: `${end === "source" ? "Rows" : "Columns"} of the node matrices`,
    from: `internode_probes_total{${CLUSTER},${end}_zone=~"$${end}_zone"}`,
    of: `${end}_node`,
    several: true,
  });

export const mesh: Dashboard = frame({
  uid: UID.mesh,
  findings: openFindings(),
  title: "Mesh",
  description:
    "Loss and delay between every pair of nodes, from zones down to pairs. A cell of a node matrix opens its pair.",
  variables: [
    networkVariable(),
    labelVariable({
      name: "protocol",
      label: "Protocol",
      description: "Of several, the one that loses most colours the cell",
      from: `internode_probes_total{${CLUSTER},network="$network"}`,
      of: "protocol",
      several: true,
    }),
    zoneVariable("source"),
    zoneVariable("destination"),
    nodeVariable("source"),
    nodeVariable("destination"),
    windowVariable(),
  ],
  sections: [
    {
      panels: [
        figures({
          title: "Agents reporting",
          description: "Nodes whose agent reports now.",
          unit: "short",
          span: 4,
          height: 5,
          queries: [{ expr: `count(group by (source_node) (internode_mesh_size{${CLUSTER}}))` }],
          steps: plain(),
          links: [toDashboard("Open agents", UID.agents, {})],
        }),
        figures({
          title: "Silent nodes",
          description: "Nodes that the agents know and that report nothing themselves.",
          unit: "short",
          span: 4,
          height: 5,
          queries: [
            {
              expr: `clamp_min(max(internode_mesh_size{${CLUSTER}}) - count(group by (source_node) (internode_mesh_size{${CLUSTER}})), 0)`,
            },
          ],
          steps: zeroIsFine(),
          links: [toDashboard("Open agents", UID.agents, {})],
        }),
        figures({
          title: "Degraded pairs",
          description:
            "Pairs that the alert rules call degraded: two protocols lose more than the threshold over 5 minutes, and something was lost in the last minute.",
          unit: "short",
          span: 4,
          height: 5,
          queries: [
            {
              expr: `count(group by (source_node, destination_node) (internode:pair_degraded{${CLUSTER}})) or vector(0)`,
            },
          ],
          steps: zeroIsFine(),
        }),
        firingAlerts({ span: 12, height: 5 }),
        findingsList({ span: 24, height: 6 }),
      ],
    },
    {
      title: "Zones",
      panels: [
        matrix({
          title: "Loss, zone to zone",
          description:
            "Share of probes lost between all nodes of two zones, for the protocol that loses most. A zone of one node has nothing to measure inside.",
          unit: "percentunit",
          span: 12,
          height: 7,
          expr: nameZones(worstLossRatio(zones)),
          row: "source_zone",
          column: "destination_zone",
          corner: "from ↓   to →",
          cornerWidth: 150,
          steps: lossSteps(),
          cellLinks: [],
          rowLinks: [],
        }),
        matrix({
          title: "Round trip, zone to zone",
          description: "Mean delay of answered probes between all nodes of two zones.",
          unit: "s",
          span: 12,
          height: 7,
          expr: nameZones(rttOrLost(zones)),
          row: "source_zone",
          column: "destination_zone",
          corner: "from ↓   to →",
          cornerWidth: 150,
          steps: rttSteps(),
          specials: [NO_ANSWER],
          cellLinks: [],
          rowLinks: [],
        }),
      ],
    },
    {
      title: "Nodes",
      panels: [
        matrix({
          title: "Loss, node to node",
          description: `Share of probes lost, for the protocol that loses most. A red row and column: that node. Single red cells: those paths. A grey row: its agent reports nothing. Above ${READABLE_NODES} nodes the worst ${WORST_NODES} are shown; the filters choose others. A cell opens its pair.`,
          unit: "percentunit",
          span: 24,
          height: 14,
          expr: nodeMatrix(worstPairLossRatio(pairs)),
          row: "source_node",
          column: "destination_node",
          corner: "from ↓   to →",
          cornerWidth: 260,
          steps: lossSteps(),
          specials: [SELF],
          cellLinks: [openPair],
          rowLinks: [openRow],
        }),
        matrix({
          title: "Round trip, node to node",
          description: `Mean delay of answered probes. "lost": probes were sent and none was answered. Above ${READABLE_NODES} nodes the worst ${WORST_NODES} are shown. A cell opens its pair.`,
          unit: "s",
          span: 24,
          height: 14,
          expr: nodeMatrix(rttOrLost(pairs)),
          row: "source_node",
          column: "destination_node",
          corner: "from ↓   to →",
          cornerWidth: 260,
          steps: rttSteps(),
          specials: [SELF, NO_ANSWER],
          cellLinks: [openPair],
          rowLinks: [openRow],
        }),
        list({
          title: "Worst pairs",
          description: "The 20 pairs that lose most; among those that lose nothing, the slowest.",
          unit: "short",
          span: 24,
          height: 10,
          keys: { source_node: "From", destination_node: "To" },
          columns: [
            { name: "Loss", unit: "percentunit", steps: lossSteps(), expr: worstPairs(worstPairLossRatio(pairs)) },
            { name: "Mean round trip", unit: "s", expr: worstPairs(`(${meanRtt(pairs)})`) },
            {
              name: "Largest, last minute",
              unit: "s",
              expr: worstPairs(`max by (source_node, destination_node) (internode_rtt_max_seconds{${WHERE}})`),
            },
          ],
          sortedBy: "Loss",
          links: {
            source_node: [openNode],
            destination_node: [
              openNode,
              toDashboard("Open this pair", UID.pair, { source: "__data.fields.From", destination: "__value.raw" }),
            ],
          },
        }),
      ],
    },
    {
      title: "Over time",
      panels: [
        rowsOverTime({
          title: "Loss, by pair of zones",
          description: "Share of probes lost, for all protocols together. One line an ordered pair of zones.",
          unit: "percentunit",
          span: 12,
          height: 9,
          steps: lossSteps(),
          query: {
            expr: nameZones(lossRatio({ by: ZONES, where: ZONES_WHERE, window: "$__rate_interval" })),
            legend: "{{source_zone}} → {{destination_zone}}",
          },
        }),
        rowsOverTime({
          title: "99th percentile of the round trip, by pair of zones",
          description: "From the histograms between zones. One line an ordered pair of zones.",
          unit: "s",
          span: 12,
          height: 9,
          steps: rttSteps(),
          query: {
            expr: nameZones(zoneRttQuantile(0.99, { by: ZONES, where: ZONES_WHERE, window: "$__rate_interval" })),
            legend: "{{source_zone}} → {{destination_zone}}",
          },
        }),
        buckets({
          title: "Round trips between the chosen zones",
          description: "How many probes took how long. Choose zones above to see one pair of them.",
          unit: "s",
          span: 24,
          height: 10,
          expr: `sum by (le) (increase(internode_zone_rtt_seconds_bucket{${ZONES_WHERE}}[$__rate_interval]))`,
        }),
      ],
    },
  ],
});
