// The service path: connections to a ClusterIP that fail although the pods behind it are reached.
import { describe } from "vitest";
import { after, FAULT_S, QUARTERS, SIX_NODES, THREE_ZONES, type Declare } from "./check.ts";
import { cordon, dead, loss, restart, touching, unscrapeable, within, type Incident, type Labels } from "./incident.ts";
import { nodesOf } from "./mesh.ts";
import { critical, warning } from "./promtool.ts";

const FAILURES = "internode_service_failures_total";
const from = (node: string) => (labels: Labels) => labels["source_node"] === node;
const everywhere = () => true;
interface Span {
  readonly fromS?: number;
  readonly untilS?: number;
}

/** This share of the connections, one in 5 seconds, fails. */
const failing = (
  share: number,
  labels: (labels: Labels) => boolean,
  { fromS = FAULT_S, ...span }: Span = {},
): Incident => ({
  kind: "rate",
  metric: FAILURES,
  perSecond: share / 5,
  labels,
  ...within({ fromS, ...span }),
});
const node = (name: string) => warning("ServicePathFailing", { node: name });

export function services(scenario: Declare): void {
  describe("the service path", () => {
    scenario("failing on one node is a warning for it, as long as it lasts", {
      incidents: [failing(1, from("c2"), { untilS: FAULT_S + 900 })],
      firing: { ...after([60, 120, 180]), ...after([330, 600, 900], node("c2")), ...after([1260]) },
    });
    scenario("failing for a third of the connections is enough", {
      incidents: [failing(1 / 3, from("c2"))],
      firing: { ...after([120]), ...after([420, 900], node("c2")) },
    });
    scenario("failing for one connection in twenty is not", {
      incidents: [failing(1 / 20, everywhere)],
      firing: after([300, 600, 900]),
    });
    scenario("failing on all nodes is one page", {
      incidents: [failing(1, everywhere)],
      firing: { ...after([120]), ...after([330, 600], critical("ServicePathFailing")) },
    });
    scenario("failing on two of six nodes is one page, on two of nine a warning for each", {
      incidents: [failing(1, from("a1")), failing(1, from("b1"))],
      firing: after([330, 600], critical("ServicePathFailing")),
    });
    scenario("failing on two of nine nodes is a warning for each", {
      mesh: THREE_ZONES,
      incidents: [failing(1, from("a1")), failing(1, from("b1"))],
      firing: after([330, 600], node("a1"), node("b1")),
    });
    scenario("failing because the node is cut off is the node's page alone", {
      incidents: [failing(1, from("c2")), loss(touching("c2"), { fromS: FAULT_S })],
      firing: after([300, 600], critical("NodeDegraded", { node: "c2" })),
    });
    scenario("failing because the node's pod network is broken is the pod network's alone", {
      incidents: [
        failing(1, from("c2")),
        loss((slot) => touching("c2")(slot) && slot.network === "pod", { fromS: FAULT_S }),
      ],
      firing: after([300, 600], critical("PodNetworkDegraded", { node: "c2" })),
    });
    scenario("failing for one connection in six, to the one agent whose pod network is broken, is that one's alone", {
      incidents: [
        failing(1 / 6, everywhere),
        loss((slot) => touching("c2")(slot) && slot.network === "pod", { fromS: FAULT_S }),
      ],
      firing: after([300, 600, 900], critical("PodNetworkDegraded", { node: "c2" })),
    });
    scenario("failing on one node beside another whose pod network is broken is a warning besides", {
      incidents: [
        failing(1, from("a1")),
        loss((slot) => touching("c2")(slot) && slot.network === "pod", { fromS: FAULT_S }),
      ],
      firing: after([600, 900], critical("PodNetworkDegraded", { node: "c2" }), node("a1")),
    });
    scenario("failing because TCP is filtered everywhere is the filter's alone", {
      withRtt: true,
      incidents: [failing(1, everywhere), loss((slot) => slot.protocol === "tcp", { fromS: FAULT_S })],
      firing: after([600, 900], warning("ProtocolBlocked", { network: "pod", protocol: "tcp", ip_family: "ipv4" })),
    });
    scenario("failing on a cordoned node is nobody's business", {
      kubeState: true,
      incidents: [cordon("c2", { fromS: 100 }), failing(1, from("c2"))],
      firing: after([330, 600]),
    });
    scenario("scraped every 30 s and by two jobs fails once", {
      scrapeS: 30,
      scrapedAs: [{ job: "a", instance: "$node" }, { job: "b" }],
      incidents: [failing(1, from("c2"))],
      firing: { ...after([90]), ...after([420, 900], node("c2")) },
    });
    scenario("with a threshold of 60 % ignores half of the connections", {
      thresholds: { service_failure_ratio: 0.6 },
      incidents: [failing(1 / 2, from("c2"))],
      firing: after([330, 600]),
    });
    scenario("failing is told with its share", {
      incidents: [failing(1 / 2, from("c2"))],
      firing: after([900], node("c2")),
      described: [
        {
          atS: FAULT_S + 895,
          alert: node("c2"),
          summary: "Connections to a Service fail while pods reach each other.",
          dashboard: "/d/internode-services?var-cluster=&var-agent=c2",
          description:
            "On node c2 50% of the connections to a ClusterIP failed in the last 5 minutes, while the node reaches pods by their own addresses.",
        },
      ],
    });
  });

  describe("the service path pages nobody", () => {
    scenario("in a rolling update in which each agent takes some connections with it", {
      incidents: nodesOf(SIX_NODES).flatMap(({ name }, index) => [
        ...restart(name, { fromS: FAULT_S + index * 75, untilS: FAULT_S + index * 75 + 60 }),
        failing(1 / 6, everywhere, { fromS: FAULT_S + index * 75, untilS: FAULT_S + index * 75 + 15 }),
      ]),
      firing: after(QUARTERS),
    });
    scenario("while Kubernetes has not noticed that a node is dead", {
      incidents: [dead("a1", { fromS: FAULT_S }), failing(1 / 6, everywhere, { untilS: FAULT_S + 60 })],
      firing: after([300, 600], critical("NodeDegraded", { node: "a1" })),
    });
    scenario("while no agent is ready yet, for a minute after an install", {
      incidents: [failing(1, everywhere, { untilS: FAULT_S + 60 })],
      firing: after(QUARTERS),
    });
    scenario("when an agent is down and its Service sends one connection in six there for half a minute", {
      incidents: [
        ...restart("a1", { fromS: FAULT_S, untilS: FAULT_S + 60 }),
        failing(1 / 6, everywhere, { untilS: FAULT_S + 30 }),
      ],
      firing: after(QUARTERS),
    });
    scenario("when Prometheus loses a target for two minutes", {
      incidents: [unscrapeable("a1", { fromS: FAULT_S, untilS: FAULT_S + 120 })],
      firing: after(QUARTERS),
    });
  });
}
