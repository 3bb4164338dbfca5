// The service path as every node meets it: a ClusterIP, and whoever kube-proxy or what replaces it chooses behind it.
import { type Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { lossSteps, rttSteps, zeroIsFine } from "./colours.ts";
import { frame, labelVariable, UID, windowVariable } from "./frame.ts";
import { figures, list, rowsOverTime, series, toDashboard } from "./panels.ts";
import { CLUSTER, orQuiet } from "./promql.ts";

const WHERE = `${CLUSTER},source_node=~"$agent",service=~"$service",ip_family=~"$family"`;
const RATE = "$__rate_interval";
const SOURCE_AND_SERVICE = `${CLUSTER},source_node=~"$agent",service=~"$service"`;

const rate = (metric: string, window: string) => `rate(internode_service_${metric}{${WHERE}}[${window}])`;
const failureRatio = (by: readonly string[], window: string) =>
  `sum by (${by.join(", ")}) (${rate("failures_total", window)}) / sum by (${by.join(", ")}) (${rate("probes_total", window)})`;
const meanRtt = (by: readonly string[], window: string) =>
  `sum by (${by.join(", ")}) (${rate("rtt_seconds_sum", window)}) / (sum by (${by.join(", ")}) (${rate("rtt_seconds_count", window)}) > 0)`;

const LINE = ["source_node", "service", "ip_family"] as const;
const variable = (options: { name: string; label: string; description: string; of: string }) =>
  labelVariable({ ...options, from: `internode_service_probes_total{${CLUSTER}}`, several: true });

export const services: Dashboard = frame({
  uid: UID.services,
  title: "Services",
  description:
    "The service path: a TCP handshake with a Service's address, answered by whoever kube-proxy, or what replaces it, chooses.",
  variables: [
    variable({ name: "agent", label: "Node", description: "Where probes are made", of: "source_node" }),
    variable({
      name: "service",
      label: "Service",
      description: "agents: our own Service with all ready agents behind it. kubernetes: that of the API server.",
      of: "service",
    }),
    variable({ name: "family", label: "Family", description: "Address family", of: "ip_family" }),
    windowVariable(),
  ],
  sections: [
    {
      panels: [
        figures({
          title: "Failed connections",
          description: "Share of probes of the service path that were not answered, by Service.",
          unit: "percentunit",
          span: 6,
          height: 5,
          queries: [{ expr: failureRatio(["service"], "$window"), legend: "{{service}}" }],
          steps: lossSteps(),
        }),
        figures({
          title: "Nodes that fail",
          description: "Nodes with a failed connection in the window. One or two failures: an endpoint has gone away.",
          unit: "short",
          span: 6,
          height: 5,
          queries: [
            {
              expr: `count(sum by (source_node) (increase(internode_service_failures_total{${WHERE}}[$window])) > 0) or vector(0)`,
            },
          ],
          steps: zeroIsFine(),
        }),
        figures({
          title: "Mean round trip",
          description: "Of answered connections, near and far endpoints together.",
          unit: "s",
          span: 6,
          height: 5,
          queries: [{ expr: meanRtt(["service"], "$window"), legend: "{{service}}" }],
          steps: rttSteps(),
        }),
        figures({
          title: "Nodes without the address",
          description: "Nodes that could not look the Service's name up: nothing is known of their path.",
          unit: "short",
          span: 6,
          height: 5,
          queries: [{ expr: `count(internode_service_addresses{${SOURCE_AND_SERVICE}} == 0) or vector(0)` }],
          steps: zeroIsFine(),
        }),
      ],
    },
    {
      title: "Over time",
      panels: [
        series({
          title: "Failed connections, by Service and family",
          description: "Share of probes that were not answered, over all chosen nodes.",
          unit: "percentunit",
          span: 12,
          height: 9,
          queries: [{ expr: failureRatio(["service", "ip_family"], RATE), legend: "{{service}} {{ip_family}}" }],
        }),
        series({
          title: "Failures by reason",
          description:
            "timeout: nobody answers. refused: the proxy knows no endpoint, or the one that it chose does not listen. blocked: a policy.",
          unit: "suffix:/s",
          span: 12,
          height: 9,
          queries: [
            {
              expr: orQuiet({
                expr: `sum by (service, reason) (${rate("failure_reasons_total", RATE)})`,
                label: "reason",
              }),
              legend: "{{service}} {{reason}}",
            },
          ],
        }),
        series({
          title: "Round trip",
          description: "Mean of answered connections. A handshake whose SYN was sent again is not in it.",
          unit: "s",
          span: 12,
          height: 9,
          queries: [{ expr: meanRtt(["service", "ip_family"], RATE), legend: "{{service}} {{ip_family}}" }],
        }),
        series({
          title: "SYNs sent again",
          description:
            "Each is a lost packet and a second of waiting. With few failures: a race in connection tracking, or loss on the way.",
          unit: "suffix:/s",
          span: 12,
          height: 9,
          queries: [
            {
              expr: `sum by (service, ip_family) (${rate("syn_retransmits_total", RATE)})`,
              legend: "{{service}} {{ip_family}}",
            },
          ],
        }),
        series({
          title: "Connections that the node itself could not begin",
          description: "By error number: no socket, no buffer, a full connection tracking table. They are no probes.",
          unit: "suffix:/s",
          span: 24,
          height: 7,
          queries: [
            {
              expr: orQuiet({
                expr: `sum by (source_node, errno) (${rate("local_errors_total", RATE)}) > 0`,
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
          title: "Failed connections, by node",
          description:
            "The 40 nodes that fail most. One line red: the proxy of that node. The same share on all: an endpoint, or no way from a pod to itself.",
          unit: "percentunit",
          span: 12,
          height: 12,
          steps: lossSteps(),
          query: { expr: `topk(40, ${failureRatio(["source_node"], RATE)})`, legend: "{{source_node}}" },
        }),
        list({
          title: "Every node and Service",
          description: "At the end of the time range.",
          unit: "short",
          span: 12,
          height: 12,
          keys: { source_node: "Node", service: "Service", ip_family: "Family" },
          columns: [
            { name: "Failed", unit: "percentunit", steps: lossSteps(), expr: failureRatio(LINE, "$window") },
            { name: "Mean", unit: "s", expr: meanRtt(LINE, "$window") },
            {
              name: "Connections",
              unit: "suffix:/s",
              expr: `sum by (${LINE.join(", ")}) (${rate("probes_total", "$window")})`,
            },
          ],
          sortedBy: "Failed",
          links: { source_node: [toDashboard("Open this node", UID.node, { node: "__value.raw" })] },
        }),
      ],
    },
  ],
});
