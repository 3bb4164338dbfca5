// Cluster DNS as every node sees it: A and AAAA side by side, as libc asks.
import { type Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { lossSteps, rttSteps, zeroIsFine } from "./colours.ts";
import { frame, labelVariable, UID, windowVariable } from "./frame.ts";
import { buckets, figures, list, rowsOverTime, series, toDashboard } from "./panels.ts";
import { CLUSTER, orQuiet } from "./promql.ts";

const WHERE = `${CLUSTER},source_node=~"$agent",server=~"$server",name=~"$name"`;
const RATE = "$__rate_interval";

const failureRatio = (by: readonly string[], window: string) =>
  `sum by (${by.join(", ")}) (rate(internode_dns_failures_total{${WHERE}}[${window}])) / sum by (${by.join(", ")}) (rate(internode_dns_lookups_total{${WHERE}}[${window}]))`;
const quantile = (share: number, by: readonly string[], window: string) =>
  `histogram_quantile(${share}, sum by (${[...by, "le"].join(", ")}) (rate(internode_dns_lookup_seconds_bucket{${WHERE}}[${window}])))`;

const LINE = ["source_node", "server", "name"] as const;
const variable = (name: "server" | "name", label: string, description: string) =>
  labelVariable({ name, label, description, from: `internode_dns_lookups_total{${CLUSTER}}`, of: name, several: true });

export const dns: Dashboard = frame({
  uid: UID.dns,
  title: "DNS",
  description:
    "Cluster DNS as every node sees it. A and AAAA are asked side by side, as libc does, and count as one lookup.",
  variables: [
    labelVariable({
      name: "agent",
      label: "Node",
      description: "Where lookups are made",
      from: `internode_dns_lookups_total{${CLUSTER}}`,
      of: "source_node",
      several: true,
    }),
    variable("server", "Server", "cluster: the Service. nodelocal: the node's own cache. pod: each pod behind it."),
    variable("name", "Name", "What is looked up"),
    windowVariable(),
  ],
  sections: [
    {
      panels: [
        figures({
          title: "Failed lookups",
          description: "Share of lookups that failed, by server.",
          unit: "percentunit",
          span: 6,
          height: 5,
          queries: [{ expr: failureRatio(["server"], "$window"), legend: "{{server}}" }],
          steps: lossSteps(),
        }),
        figures({
          title: "Nodes that fail",
          description: "Nodes with a failed lookup in the window.",
          unit: "short",
          span: 6,
          height: 5,
          queries: [
            {
              expr: `count(sum by (source_node) (increase(internode_dns_failures_total{${WHERE}}[$window])) > 0) or vector(0)`,
            },
          ],
          steps: zeroIsFine(),
        }),
        figures({
          title: "Median lookup",
          description: "Half of the lookups that were answered took less.",
          unit: "s",
          span: 6,
          height: 5,
          queries: [{ expr: quantile(0.5, ["server"], "$window"), legend: "{{server}}" }],
          steps: rttSteps(),
        }),
        figures({
          title: "99th percentile of lookups",
          description: "Five seconds here is a lost packet: libc and the agent ask again only then.",
          unit: "s",
          span: 6,
          height: 5,
          queries: [{ expr: quantile(0.99, ["server"], "$window"), legend: "{{server}}" }],
          steps: rttSteps(),
        }),
      ],
    },
    {
      title: "Over time",
      panels: [
        series({
          title: "Failed lookups, by server and name",
          description:
            "Share of lookups that failed, over all chosen nodes. One name alone: its zone or upstream. One server alone: that path.",
          unit: "percentunit",
          span: 12,
          height: 9,
          queries: [{ expr: failureRatio(["server", "name"], RATE), legend: "{{server}} {{name}}" }],
        }),
        series({
          title: "Time of a lookup",
          description: "Of answered lookups, until both answers had come. A failed lookup is never in it.",
          unit: "s",
          span: 12,
          height: 9,
          queries: [0.5, 0.95, 0.99].map((share) => ({
            expr: quantile(share, ["server"], RATE),
            legend: `{{server}} ${share * 100} %`,
          })),
        }),
        buckets({
          title: "Lookups by time taken",
          description:
            "How many lookups took how long. A second band at five or ten seconds is the signature of a lost packet.",
          unit: "s",
          span: 12,
          height: 9,
          expr: `sum by (le) (increase(internode_dns_lookup_seconds_bucket{${WHERE}}[${RATE}]))`,
        }),
        series({
          title: "Failures by reason",
          description: "Failed lookups by what went wrong.",
          unit: "suffix:/s",
          span: 12,
          height: 9,
          queries: [
            {
              expr: orQuiet({
                expr: `sum by (server, reason) (rate(internode_dns_failure_reasons_total{${WHERE}}[${RATE}]))`,
                label: "reason",
              }),
              legend: "{{server}} {{reason}}",
            },
          ],
        }),
        series({
          title: "Lookups that the node itself could not make",
          description:
            "By error number: no socket, no buffer, no permission. They are no lookups, and no failures of the server.",
          unit: "suffix:/s",
          span: 24,
          height: 7,
          queries: [
            {
              expr: orQuiet({
                expr: `sum by (source_node, errno) (rate(internode_dns_local_errors_total{${WHERE}}[${RATE}])) > 0`,
                label: "errno",
              }),
              legend: "{{source_node}} {{errno}}",
            },
          ],
        }),
      ],
    },
    {
      title: "Nodes",
      panels: [
        rowsOverTime({
          title: "Failed lookups, by node",
          description:
            "The 40 nodes that fail most. One line red: that node's path or cache. All of them: the service.",
          unit: "percentunit",
          span: 12,
          height: 12,
          steps: lossSteps(),
          query: { expr: `topk(40, ${failureRatio(["source_node"], RATE)})`, legend: "{{source_node}}" },
        }),
        list({
          title: "Every node, server and name",
          description: "At the end of the time range.",
          unit: "short",
          span: 12,
          height: 12,
          keys: { source_node: "Node", server: "Server", name: "Name" },
          columns: [
            { name: "Failed", unit: "percentunit", steps: lossSteps(), expr: failureRatio(LINE, "$window") },
            {
              name: "Mean",
              unit: "s",
              expr: `sum by (${LINE.join(", ")}) (rate(internode_dns_lookup_seconds_sum{${WHERE}}[$window])) / (sum by (${LINE.join(", ")}) (rate(internode_dns_lookup_seconds_count{${WHERE}}[$window])) > 0)`,
            },
            {
              name: "Lookups",
              unit: "suffix:/s",
              expr: `sum by (${LINE.join(", ")}) (rate(internode_dns_lookups_total{${WHERE}}[$window]))`,
            },
          ],
          sortedBy: "Failed",
          links: { source_node: [toDashboard("Open this node", UID.node, { node: "__value.raw" })] },
        }),
      ],
    },
  ],
});
