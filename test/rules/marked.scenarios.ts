// Nodes on which nothing is expected to work, by what kube-state-metrics says: cordoned, or marked by an autoscaler or a
// termination handler. And whose nodes they are, where clusters are named on one side only.
import { describe } from "vitest";
import { after, FAULT_S, QUARTERS, SIX_NODES, type Declare } from "./check.ts";
import { KUBE_STATE_METRICS } from "./history.ts";
import { cordon, dead, taint, unscrapeable, within, type Incident } from "./incident.ts";
import { nodesOf } from "./mesh.ts";
import { critical, warning } from "./promtool.ts";

const MARKS = [
  "ToBeDeletedByClusterAutoscaler",
  "DeletionCandidateOfClusterAutoscaler",
  "karpenter.sh/disrupted",
  "karpenter.sh/disruption",
  "node.kubernetes.io/out-of-service",
  "node.kubernetes.io/unschedulable",
  "aws-node-termination-handler/spot-itn",
  "aws-node-termination-handler/scheduled-maintenance",
  "aws-node-termination-handler/asg-lifecycle-termination",
  "cloud.google.com/impending-node-termination",
  "remediator.kubernetes.azure.com/unschedulable",
  "autoscaling.cast.ai/draining",
  "atlassian.com/escalator",
];
/** What a node has for life, or because it is dead already. */
const NO_MARKS = [
  "node.kubernetes.io/unreachable",
  "node.kubernetes.io/not-ready",
  "node.cloudprovider.kubernetes.io/shutdown",
  "kubernetes.azure.com/scalesetpriority",
  "node-role.kubernetes.io/control-plane",
  "karpenter.sh/unregistered",
  "example.com/ToBeDeletedByClusterAutoscaler",
];
const TO_BE_DELETED = "ToBeDeletedByClusterAutoscaler";

/** Its object goes after four minutes, and half a minute later the mesh knows. */
const OBJECT_GONE_S = FAULT_S + 240;
const scaledDown = (node: string): readonly Incident[] => [
  { kind: "member", node, fromS: 0, untilS: OBJECT_GONE_S + 30 },
  { kind: "no-object", node, ...within({ fromS: OBJECT_GONE_S }) },
  ...dead(node, { fromS: FAULT_S }),
];
const silentAgents = (nodes: readonly string[]) => nodes.map((node) => unscrapeable(node, { fromS: -1 }));
const ALL = nodesOf(SIX_NODES).map(({ name }) => name);

export function marked(scenario: Declare): void {
  describe("a node that is dead and", () => {
    scenario("marked for its end pages nobody, whoever marked it", {
      mesh: { zones: { a: 7, b: 7, c: 6 } },
      kubeState: true,
      incidents: MARKS.flatMap((key, index) => {
        const node = `${["a", "b", "c"][index % 3]}${1 + Math.floor(index / 3)}`;
        return [taint(node, { key, fromS: FAULT_S - 65 }), ...dead(node, { fromS: FAULT_S })];
      }),
      firing: after([60, 75, 90, 105, 120, 180, 240, 300, 600]),
    });
    scenario("tainted for life, or because it is dead, is paged", {
      kubeState: true,
      incidents: [
        ...NO_MARKS.map((key) => taint("c1", { key, fromS: FAULT_S - 65 })),
        ...ALL.map((node) => taint(node, { key: "kubernetes.azure.com/scalesetpriority", fromS: -1 })),
        dead("c1", { fromS: FAULT_S }),
      ].flat(),
      firing: { ...after([60]), ...after([90, 300, 600], critical("NodeDegraded", { node: "c1" })) },
    });
    scenario("no longer marked since a minute is paged in time", {
      kubeState: true,
      incidents: [
        taint("c1", { key: TO_BE_DELETED, fromS: 30, untilS: FAULT_S - 65 }),
        ...dead("c1", { fromS: FAULT_S }),
      ],
      firing: { ...after([60]), ...after([90, 300, 600], critical("NodeDegraded", { node: "c1" })) },
    });
    scenario("no longer cordoned since a minute is paged in time", {
      kubeState: true,
      incidents: [cordon("c1", { fromS: 30, untilS: FAULT_S - 65 }), ...dead("c1", { fromS: FAULT_S })],
      firing: { ...after([60]), ...after([90, 300, 600], critical("NodeDegraded", { node: "c1" })) },
    });
    scenario("marked, while kube-state-metrics, drained with it, is away for two minutes, pages nobody", {
      kubeState: true,
      incidents: [
        taint("a1", { key: "karpenter.sh/disrupted", fromS: 200 }),
        ...dead("a1", { fromS: FAULT_S }),
        unscrapeable(KUBE_STATE_METRICS, { fromS: FAULT_S + 30, untilS: FAULT_S + 150 }),
      ],
      firing: after(QUARTERS),
    });
  });

  describe("an autoscaler", () => {
    scenario("that takes half of the nodes at once pages nobody, though their objects go before the mesh knows", {
      kubeState: true,
      incidents: ["a2", "b2", "c2"].flatMap((node) => [
        taint(node, { key: TO_BE_DELETED, fromS: FAULT_S - 65 }),
        ...scaledDown(node),
      ]),
      firing: after(QUARTERS),
    });
    scenario("that takes a whole zone pages nobody", {
      kubeState: true,
      incidents: ["b1", "b2"].flatMap((node) => [
        taint(node, { key: "karpenter.sh/disrupted", fromS: FAULT_S - 65 }),
        ...scaledDown(node),
      ]),
      firing: after(QUARTERS),
    });
    scenario("at work does not hide a node that dies beside it", {
      kubeState: true,
      incidents: [
        taint("a2", { key: TO_BE_DELETED, fromS: FAULT_S - 65 }),
        ...scaledDown("a2"),
        ...dead("c1", { fromS: FAULT_S }),
      ],
      firing: { ...after([60]), ...after([90, 300, 600], critical("NodeDegraded", { node: "c1" })) },
    });
  });

  describe("a cordoned node", () => {
    scenario("whose DNS fails, whose agent is impaired and disagrees is nobody's business", {
      kubeState: true,
      incidents: [
        cordon("a1", { fromS: 100 }),
        ...(["rate", "gauge"] as const).flatMap((kind): readonly Incident[] =>
          kind === "rate"
            ? [
                {
                  kind,
                  metric: "internode_dns_failures_total",
                  perSecond: 1 / 16,
                  labels: (labels) => labels["source_node"] === "a1",
                  ...within({ fromS: FAULT_S }),
                },
              ]
            : (["internode_protocol_available", "internode_mesh_size"] as const).map((metric) => ({
                kind,
                metric,
                value: metric === "internode_mesh_size" ? 2 : 0,
                labels: (labels) => labels["source_node"] === "a1",
                ...within({ fromS: FAULT_S }),
              })),
        ),
      ],
      firing: after([300, 600, 900]),
    });
  });

  describe("clusters named", () => {
    const cordonedAndDead = [cordon("a1", { fromS: 100 }), ...dead("a1", { fromS: FAULT_S })];
    const page = (cluster?: string) => critical("NodeDegraded", { ...(cluster ? { cluster } : {}), node: "a1" });

    scenario("by the agents' series alone: a cordoned dead node pages nobody, another one does", {
      cluster: "east",
      kubeCluster: "",
      kubeState: true,
      incidents: [...cordonedAndDead, dead("b1", { fromS: FAULT_S + 300 })],
      firing: {
        ...after([90, 180, 300, 360]),
        ...after([390, 600], critical("NodeDegraded", { cluster: "east", node: "b1" })),
      },
    });
    scenario("by kube-state-metrics alone: a cordoned dead node pages nobody, another one does", {
      kubeCluster: "east",
      kubeState: true,
      incidents: [...cordonedAndDead, dead("b1", { fromS: FAULT_S + 300 })],
      firing: { ...after([90, 180, 300, 360]), ...after([390, 600], critical("NodeDegraded", { node: "b1" })) },
    });
    scenario("differently on the two sides are two clusters", {
      cluster: "east",
      kubeCluster: "west",
      kubeState: true,
      incidents: cordonedAndDead,
      firing: { ...after([60]), ...after([90, 300], page("east")) },
    });
    scenario("by two clusters' agents, and kube-state-metrics of nobody knows whom, are not joined", {
      cluster: "east",
      kubeCluster: "",
      kubeState: true,
      incidents: cordonedAndDead,
      others: [{ cluster: "west", kubeState: false, incidents: [] }],
      firing: { ...after([60]), ...after([90, 300], page("east")) },
    });
    scenario("by two clusters' agents, one of them silent for half an hour, are still two", {
      cluster: "east",
      kubeCluster: "",
      kubeState: true,
      incidents: [cordon("a1", { fromS: 100 }), ...dead("a1", { fromS: 1805 })],
      others: [
        {
          cluster: "west",
          kubeState: false,
          incidents: ALL.map((node) => unscrapeable(node, { fromS: 300, untilS: 2400 })),
        },
      ],
      firing: {
        ...after([1560], critical("Down", { cluster: "west" })),
        ...after([1590, 1800], critical("Down", { cluster: "west" }), page("east")),
      },
    });
    scenario("by kube-state-metrics of two clusters, and agents of nobody knows which, are not joined", {
      kubeCluster: "east",
      kubeState: true,
      incidents: cordonedAndDead,
      others: [{ kubeCluster: "west", kubeState: true, incidents: silentAgents(ALL), labels: { job: "none" } }],
      firing: { ...after([60]), ...after([90, 300], page()) },
    });
    scenario("by all but one kube-state-metrics: it is that of the cluster that is left", {
      cluster: "east",
      kubeCluster: "",
      kubeState: true,
      incidents: cordonedAndDead,
      others: [{ cluster: "west", kubeCluster: "west", incidents: [...dead("a1", { fromS: FAULT_S })] }],
      firing: { ...after([60]), ...after([90, 300], page("west")) },
    });
    scenario("by all but one cluster's agents: they are of the kube-state-metrics that is left", {
      kubeCluster: "east",
      kubeState: true,
      incidents: cordonedAndDead,
      others: [{ cluster: "west", kubeCluster: "west", incidents: [...dead("a1", { fromS: FAULT_S })] }],
      firing: { ...after([60]), ...after([90, 300], page("west")) },
    });
    for (const [who, names] of [
      ["the agents' series alone", { cluster: "east", kubeCluster: "" }],
      ["kube-state-metrics alone", { kubeCluster: "east" }],
    ] as const) {
      scenario(`by ${who}: nodes without an agent are counted`, {
        ...names,
        kubeState: true,
        incidents: [
          {
            kind: "gauge",
            metric: "kube_daemonset_status_desired_number_scheduled",
            labels: () => true,
            value: 8,
            ...within({ fromS: FAULT_S }),
          },
        ],
        firing: {
          ...after([300, 885]),
          ...after([930], warning("NodeUnwatched", "cluster" in names ? { cluster: "east" } : {})),
        },
      });
    }
  });
}
