// The probers' own health: whether what they say can be believed, and what they cost.
import { type Dashboard, MappingType, type ValueMapping } from "@grafana/grafana-foundation-sdk/dashboard";
import { FINE, LOSSY, oneIsFine, plain, zeroIsFine } from "./colours.ts";
import { frame, labelVariable, UID } from "./frame.ts";
import { figures, list, rowsOverTime, type Look, series, toDashboard } from "./panels.ts";
import { CLUSTER, orQuiet } from "./promql.ts";

const WHERE = `${CLUSTER},source_node=~"$agent"`;
const JUDGE = `${CLUSTER},judge=~"$agent"`;
const RATE = "$__rate_interval";
const openAgent = toDashboard("Only this agent", UID.agents, { agent: "__value.raw" });
const openNode = toDashboard("Open this node", UID.node, { node: "__value.raw" });

/** What Prometheus or the process says of a scrape target, by the node that the same target names. */
const ofAgent = (expr: string) =>
  `sum by (source_node) (${expr} * on (instance) group_left (source_node) group by (instance, source_node) (internode_build_info{${WHERE}}))`;

const third = (title: string, unit: string, description: string): Look => ({
  title,
  unit,
  description,
  span: 8,
  height: 8,
});
const byNode = (expr: string, legend = "{{source_node}}") => [{ expr, legend }];

const openable: readonly ValueMapping[] = [
  {
    type: MappingType.ValueToText,
    options: { "1": { text: "open", color: FINE, index: 0 }, "0": { text: "cannot open", color: LOSSY, index: 1 } },
  },
];

/** How many agents have which interval. */
const INTERVALS = `count_values by (protocol) ("interval", max by (source_node, protocol) (internode_probe_interval_seconds{${WHERE}}))`;

export const agents: Dashboard = frame({
  uid: UID.agents,
  title: "Agents",
  description: "The probers' own health: whether their figures can be believed, and what they cost.",
  variables: [
    labelVariable({
      name: "agent",
      label: "Node",
      description: "Nodes whose agents report",
      from: `internode_mesh_size{${CLUSTER}}`,
      of: "source_node",
      several: true,
    }),
  ],
  sections: [
    {
      panels: [
        figures({
          title: "Agents reporting",
          description: "Agents whose metrics are there now.",
          unit: "short",
          span: 4,
          height: 5,
          queries: [{ expr: `count(group by (source_node) (internode_mesh_size{${WHERE}}))` }],
          steps: plain(),
        }),
        figures({
          title: "Nodes known",
          description:
            "The smallest and the largest mesh that an agent knows: they differ only while nodes come and go.",
          unit: "short",
          span: 4,
          height: 5,
          queries: [
            { expr: `min(internode_mesh_size{${WHERE}})`, legend: "smallest" },
            { expr: `max(internode_mesh_size{${WHERE}})`, legend: "largest" },
          ],
          steps: plain(),
        }),
        figures({
          title: "Series",
          description: "Samples of the last scrape, of all agents together: what this costs Prometheus.",
          unit: "short",
          span: 4,
          height: 5,
          queries: [{ expr: `sum(${ofAgent(`scrape_samples_scraped{${CLUSTER}}`)})` }],
          steps: plain(),
        }),
        figures({
          title: "Probes",
          description: "Probes completed, of all agents together.",
          unit: "suffix:/s",
          span: 4,
          height: 5,
          queries: [{ expr: `sum(rate(internode_probes_total{${WHERE}}[5m]))` }],
          steps: plain(),
        }),
        figures({
          title: "Impaired agents",
          description:
            "Agents that the alert rules call impaired: they cannot keep their schedule, open a socket, or reach the API server.",
          unit: "short",
          span: 4,
          height: 5,
          queries: [{ expr: `count(group by (node) (internode:agent_impaired{${CLUSTER}})) or vector(0)` }],
          steps: zeroIsFine(),
        }),
        figures({
          title: "Stamped by the kernel",
          description:
            "Share of delays stamped by the kernel. The rest is measured in user time, which is less exact under load.",
          unit: "percentunit",
          span: 4,
          height: 5,
          queries: [
            {
              expr: `sum(rate(internode_timestamps_total{${WHERE},clock="kernel"}[5m])) / sum(rate(internode_timestamps_total{${WHERE}}[5m]))`,
            },
          ],
          steps: plain(),
        }),
      ],
    },
    {
      title: "Schedule",
      panels: [
        series({
          ...third(
            "Tick lag, 99th percentile",
            "s",
            "How late the tick ran that sends and collects probes. Kernel stamps keep it out of the delays; probes are skipped when it grows past their interval.",
          ),
          queries: byNode(
            `histogram_quantile(0.99, sum by (source_node, le) (rate(internode_tick_lag_seconds_bucket{${WHERE}}[${RATE}])))`,
          ),
        }),
        series({
          ...third(
            "Probes skipped",
            "suffix:/s",
            "Not sent because the one before was outstanding or the agent fell behind. They are not loss.",
          ),
          queries: byNode(`sum by (source_node) (rate(internode_probes_skipped_total{${WHERE}}[${RATE}]))`),
        }),
        series({
          ...third(
            "Clock steps",
            "short",
            "Steps of the wall clock that the agents noticed. Probes in flight then carry no delay.",
          ),
          queries: byNode(`sum by (source_node) (increase(internode_clock_steps_total{${WHERE}}[${RATE}]))`),
        }),
      ],
    },
    {
      title: "Sockets",
      panels: [
        rowsOverTime({
          ...third(
            "Protocols open",
            "bool",
            "1: the agent could open what the protocol needs. 0 on one agent: rights or a port are missing there.",
          ),
          query: {
            expr: `min by (source_node, network, protocol) (internode_protocol_available{${WHERE}})`,
            legend: "{{source_node}} {{network}} {{protocol}}",
          },
          steps: oneIsFine(),
        }),
        series({
          ...third(
            "Errors of the machine itself",
            "suffix:/s",
            "Sends that the machine could not do, by error number: full tables, buffers, no address. They are not probes, and not loss.",
          ),
          queries: byNode(
            orQuiet({
              expr: `sum by (source_node, errno) (rate(internode_local_errors_total{${WHERE}}[${RATE}]))`,
              label: "errno",
            }),
            "{{source_node}} {{errno}}",
          ),
        }),
        series({
          ...third(
            "Packets dropped before they were read",
            "suffix:/s",
            "The receive buffer of an agent's socket was full. Told apart from loss where the counter says so.",
          ),
          queries: byNode(`sum by (source_node) (rate(internode_socket_drops_total{${WHERE}}[${RATE}]))`),
        }),
      ],
    },
    {
      title: "Discovery",
      panels: [
        series({
          ...third(
            "Age of discovery",
            "s",
            "Since the agent last heard from the API server, or read its file. Known peers are kept however old this is.",
          ),
          queries: byNode(`time() - max by (source_node) (internode_discovery_last_sync_timestamp_seconds{${WHERE}})`),
        }),
        series({
          ...third("Discovery errors", "short", "Times that discovery could not reach its source or make sense of it."),
          queries: byNode(`sum by (source_node) (increase(internode_discovery_errors_total{${WHERE}}[${RATE}]))`),
        }),
        series({
          ...third(
            "Peers",
            "short",
            "By state, over all agents. not_serving: probed, not ready. unprobed: left out of the sample in a large mesh, or see below.",
          ),
          queries: [
            ...byNode(`sum by (state) (internode_peers{${WHERE}})`, "{{state}}"),
            { expr: `max(internode_mesh_largest_in_degree{${WHERE}})`, legend: "that probe the most probed node" },
          ],
        }),
      ],
    },
    {
      title: "What an agent could not do",
      panels: [
        series({
          ...third(
            "Errors that closed a part",
            "suffix:/s",
            "A protocol, the answering end, path MTU or DNS was closed by an error, or stayed closed. It is opened again by itself; the agent's log has the reason.",
          ),
          queries: byNode(
            orQuiet({
              expr: `sum by (source_node, part) (rate(internode_faults_total{${WHERE}}[${RATE}])) > 0`,
              label: "part",
            }),
            "{{source_node}} {{part}}",
          ),
        }),
        series({
          ...third(
            "UDP packets not answered",
            "suffix:/s",
            "By what was wrong with them. key: the other agent has another shared key, or none. limited: from strangers.",
          ),
          queries: byNode(
            orQuiet({
              expr: `sum by (source_node, result) (rate(internode_reflector_packets_total{${WHERE},result!~"answered|duplicate"}[${RATE}])) > 0`,
              label: "result",
            }),
            "{{source_node}} {{result}}",
          ),
        }),
        series({
          ...third(
            "Peers not probed, by reason",
            "short",
            "Known peers that an agent cannot probe, or not on every network. sample is no fault: in a large mesh others probe them.",
          ),
          queries: byNode(
            orQuiet({
              expr: `max by (source_node, reason) (internode_peers_unprobed{${WHERE}}) > 0`,
              label: "reason",
            }),
            "{{source_node}} {{reason}}",
          ),
        }),
      ],
    },
    {
      title: "Judge",
      panels: [
        series({
          ...third(
            "Age of the verdict",
            "s",
            "Two agents judge for the mesh every 10 s. When one is silent, the next takes over within half a minute.",
          ),
          queries: [
            {
              expr: `time() - max by (judge) (internode_judge_last_verdict_timestamp_seconds{${JUDGE}})`,
              legend: "{{judge}}",
            },
          ],
        }),
        series({
          ...third(
            "A judgement takes",
            "s",
            "gather: asking all agents for their rows. decide: finding what they show. Agents that do not answer make gathering longer.",
          ),
          queries: [
            {
              expr: `max by (judge, step) (internode_judge_duration_seconds{${JUDGE}})`,
              legend: "{{judge}} {{step}}",
            },
          ],
        }),
        series({
          ...third(
            "What a verdict lacks",
            "short",
            "Rows that did not come, and findings beyond the 20 subjects that Prometheus is told of.",
          ),
          queries: [
            { expr: `max by (judge) (internode_judge_missing_rows{${JUDGE}})`, legend: "{{judge}}: missing rows" },
            {
              expr: `max by (judge) (internode_findings_unlisted{${JUDGE}})`,
              legend: "{{judge}}: findings not listed",
            },
          ],
        }),
      ],
    },
    {
      title: "Cost",
      panels: [
        series({
          ...third("CPU", "none", "Cores that the agent's process uses."),
          queries: byNode(ofAgent(`rate(process_cpu_seconds_total{${CLUSTER}}[${RATE}])`)),
        }),
        series({
          ...third("Memory", "bytes", "Resident memory of the agent's process."),
          queries: byNode(ofAgent(`process_resident_memory_bytes{${CLUSTER}}`)),
        }),
        series({
          ...third("Series", "short", "Samples of one scrape, by agent."),
          queries: byNode(ofAgent(`scrape_samples_scraped{${CLUSTER}}`)),
        }),
      ],
    },
    {
      title: "Agents",
      panels: [
        list({
          title: "What each agent is",
          description: "Version and engine, the mesh as it knows it, and what it cannot open.",
          unit: "short",
          span: 24,
          height: 10,
          keys: { source_node: "Node", version: "Version", nodejs_version: "Node.js", engine: "Engine" },
          columns: [
            {
              name: "Nodes known",
              unit: "short",
              expr: withIdentity(`max by (source_node) (internode_mesh_size{${WHERE}})`),
            },
            {
              name: "Everything open",
              unit: "short",
              steps: oneIsFine(),
              mappings: openable,
              expr: withIdentity(`min by (source_node) (internode_protocol_available{${WHERE}})`),
            },
            {
              name: "Discovery age",
              unit: "s",
              expr: withIdentity(
                `time() - max by (source_node) (internode_discovery_last_sync_timestamp_seconds{${WHERE}})`,
              ),
            },
            { name: "Scrape takes", unit: "s", expr: withIdentity(ofAgent(`scrape_duration_seconds{${CLUSTER}}`)) },
          ],
          sortedBy: "Discovery age",
          links: { source_node: [openAgent, openNode] },
        }),
        list({
          title: "Intervals and timeouts",
          description: "What is configured. Agents that differ from the rest have lines of their own.",
          unit: "s",
          span: 24,
          height: 6,
          keys: { protocol: "Protocol", interval: "Interval" },
          columns: [
            {
              name: "Agents",
              unit: "short",
              expr: INTERVALS,
            },
            {
              name: "Longest timeout",
              unit: "s",
              expr: `${INTERVALS} * 0 + on (protocol) group_left () max by (protocol) (internode_probe_timeout_seconds{${WHERE}})`,
            },
          ],
          sortedBy: "Agents",
        }),
      ],
    },
  ],
});

/** A value of an agent, on the labels that say what the agent is. */
function withIdentity(expr: string): string {
  return `max by (source_node, version, nodejs_version, engine) (internode_build_info{${WHERE}}) * on (source_node) group_left () (${expr})`;
}
