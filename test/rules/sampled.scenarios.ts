// A mesh above the full-mesh limit: every node has a few peers, and every incident and everyday event still reads the same.
import { describe } from "vitest";
import { after, FAULT_S, QUARTERS, type Check, type Declare } from "./check.ts";
import { cordon, dead, loss, restart, touching, unscrapeable, within, type Labels } from "./incident.ts";
import { nodesOf, type Slot } from "./mesh.ts";
import { critical, warning } from "./promtool.ts";

/** Twelve nodes with six peers each. a1 and b1 are peers of each other. */
export const SAMPLED = { zones: { a: 4, b: 4, c: 4 }, sampleSize: 6 };

const from = (node: string) => (labels: Labels) => labels["source_node"] === node;
const link = (slot: Slot) => touching("a1")(slot) && touching("b1")(slot);
const linkWarnings = [
  warning("PairsDegraded", { source_zone: "a", destination_zone: "b" }),
  warning("PairsDegraded", { source_zone: "b", destination_zone: "a" }),
];

export function sampled(declare: Declare): void {
  const scenario = (sentence: string, check: Check) => declare(sentence, { mesh: SAMPLED, ...check });

  describe("in a sampled mesh", () => {
    scenario("nothing fires while all is well, and not a pair is recorded", {
      firing: after([-285, -240, 0, 300, 600]),
      samples: [{ atS: 900, expr: `count({__name__=~"internode:(slot|pair)_.*"})`, samples: [] }],
    });
    scenario("one dead node is named", {
      incidents: [dead("b3", { fromS: FAULT_S })],
      firing: { ...after([0, 60]), ...after([90, 300, 600], critical("NodeDegraded", { node: "b3" })) },
    });
    scenario("two dead nodes of twelve are two pages", {
      incidents: ["a1", "c4"].map((node) => dead(node, { fromS: FAULT_S })),
      firing: {
        ...after([60]),
        ...after([90, 600], critical("NodeDegraded", { node: "a1" }), critical("NodeDegraded", { node: "c4" })),
      },
    });
    scenario("a dead node that is cordoned is nobody's business", {
      kubeState: true,
      incidents: [cordon("b3", { fromS: FAULT_S - 100 }), dead("b3", { fromS: FAULT_S })],
      firing: after([90, 300, 600]),
    });
    scenario("an uplink that loses one way is its node", {
      incidents: [loss(touching("b1"), { fromS: FAULT_S, share: 0.5 })],
      firing: { ...after([60, 150]), ...after([240, 600], critical("NodeDegraded", { node: "b1" })) },
    });
    scenario("5 % of loss on one node's uplink is named within ten minutes", {
      incidents: [loss(touching("b2"), { fromS: FAULT_S, share: 0.05 })],
      firing: after([600, 1200], critical("NodeDegraded", { node: "b2" })),
    });
    scenario("a policy that stops the connections of one node's pods is its pod network", {
      incidents: [
        loss((slot) => slot.source === "b1" && slot.network === "pod" && slot.protocol !== "icmp", { fromS: FAULT_S }),
      ],
      firing: { ...after([90]), ...after([240, 600], critical("PodNetworkDegraded", { node: "b1" })) },
    });
    scenario("one link is a warning that names the zones", {
      incidents: [loss(link, { fromS: FAULT_S })],
      firing: { ...after([90, 210]), ...after([270, 600], ...linkWarnings) },
    });
    scenario("a zone without power is one page", {
      incidents: ["b1", "b2", "b3", "b4"].map((node) => dead(node, { fromS: FAULT_S })),
      firing: { ...after([0, 60]), ...after([90, 300, 600], critical("ZoneDegraded", { zone: "b" })) },
    });
    scenario("a partition of two zones pages once for each order", {
      incidents: [loss((slot) => [slot.sourceZone, slot.destinationZone].sort().join() === "a,b", { fromS: FAULT_S })],
      firing: {
        ...after([60]),
        ...after(
          [240, 600],
          critical("ZonePairDegraded", { source_zone: "a", destination_zone: "b" }),
          critical("ZonePairDegraded", { source_zone: "b", destination_zone: "a" }),
        ),
      },
    });
    scenario("the whole mesh is one page", {
      incidents: [loss(() => true, { fromS: FAULT_S })],
      firing: { ...after([60]), ...after([90, 300, 600], critical("MeshDegraded")) },
    });
    scenario("the pod network of one node is a page for the CNI there", {
      incidents: [loss((slot) => slot.network === "pod" && touching("c4")(slot), { fromS: FAULT_S })],
      firing: { ...after([90]), ...after([240, 600], critical("PodNetworkDegraded", { node: "c4" })) },
    });
    scenario("the pod network everywhere is one page without a node", {
      incidents: [loss((slot) => slot.network === "pod", { fromS: FAULT_S })],
      firing: { ...after([90]), ...after([240, 600], critical("PodNetworkDegraded")) },
    });
    scenario("one protocol filtered on one node fires nothing", {
      incidents: [
        loss((slot) => slot.network === "pod" && slot.protocol === "tcp" && slot.destination === "a1", {
          fromS: FAULT_S,
        }),
      ],
      firing: after([90, 300, 600]),
    });
    scenario("one protocol filtered everywhere is one warning", {
      incidents: [loss((slot) => slot.protocol === "udp", { fromS: FAULT_S })],
      firing: {
        ...after([90]),
        ...after([330, 600], warning("ProtocolBlocked", { network: "pod", protocol: "udp", ip_family: "ipv4" })),
      },
    });
    scenario("a pair that was bad before and a dead node are the pair's warnings and the node's page", {
      incidents: [loss(link, { fromS: 0 }), dead("c1", { fromS: FAULT_S })],
      firing: {
        ...after([60], ...linkWarnings),
        ...after([90, 300, 600], ...linkWarnings, critical("NodeDegraded", { node: "c1" })),
      },
    });
    scenario("a path MTU black hole behind one node is a warning for it", {
      incidents: [
        {
          kind: "gauge",
          metric: "internode_path_mtu_shortfall_bytes",
          value: 50,
          labels: from("b2"),
          ...within({ fromS: FAULT_S }),
        },
      ],
      firing: { ...after([120]), ...after([300, 600], warning("PathMtuBlackHole", { node: "b2" })) },
    });
    scenario("DNS that fails on one node is a warning, on all nodes one page", {
      incidents: [
        {
          kind: "rate",
          metric: "internode_dns_failures_total",
          perSecond: 1 / 16,
          labels: from("c2"),
          fromS: FAULT_S,
          untilS: FAULT_S + 600,
        },
        {
          kind: "rate",
          metric: "internode_dns_failures_total",
          perSecond: 1 / 16,
          labels: (labels) => !from("c2")(labels),
          ...within({ fromS: FAULT_S + 600 }),
        },
        {
          kind: "rate",
          metric: "internode_dns_failures_total",
          perSecond: 1 / 16,
          labels: from("c2"),
          ...within({ fromS: FAULT_S + 600 }),
        },
      ],
      firing: {
        ...after([120]),
        ...after([300, 600], warning("DnsFailing", { node: "c2" })),
        ...after([960, 1200], critical("DnsFailing")),
      },
    });
    scenario("a silent agent is a warning for its node", {
      incidents: [unscrapeable("b1", { fromS: FAULT_S })],
      firing: { ...after([60, 240]), ...after([360, 900], warning("AgentSilent", { node: "b1" })) },
    });
    scenario("an agent that skips a tenth of its probes cannot keep its schedule", {
      // Twelve probes of ICMP and 2.4 of the others are due each second.
      incidents: [
        {
          kind: "rate",
          metric: "internode_probes_skipped_total",
          perSecond: 0.75,
          labels: (labels) => from("a1")(labels) && labels["protocol"] === "icmp",
          ...within({ fromS: FAULT_S }),
        },
      ],
      firing: { ...after([240]), ...after([540, 900], warning("AgentImpaired", { node: "a1", reason: "schedule" })) },
    });
  });

  describe("in a sampled mesh nobody is paged by", () => {
    scenario("an agent's restart of 60 s", {
      incidents: [restart("a1", { fromS: FAULT_S, untilS: FAULT_S + 60 })],
      firing: after(QUARTERS),
    });
    scenario("a rolling update of the whole DaemonSet", {
      incidents: nodesOf(SAMPLED).map(({ name }, index) =>
        restart(name, { fromS: FAULT_S + index * 45, untilS: FAULT_S + index * 45 + 60 }),
      ),
      firing: after([...QUARTERS, 660, 720, 840]),
    });
    scenario("a burst of 60 s that takes a node, and one that takes everything", {
      incidents: [
        loss(touching("a1"), { fromS: FAULT_S, untilS: FAULT_S + 60 }),
        loss(() => true, { fromS: FAULT_S + 600, untilS: FAULT_S + 660 }),
      ],
      firing: after([...QUARTERS, ...QUARTERS.map((second) => second + 600)]),
    });
    scenario("a cordon", { kubeState: true, incidents: [cordon("a1", { fromS: FAULT_S })], firing: after(QUARTERS) });
    scenario("a scale-down of two nodes", {
      incidents: ["b4", "c4"].flatMap((node) =>
        [{ kind: "member" as const, node, fromS: 0, untilS: FAULT_S + 30 }, dead(node, { fromS: FAULT_S })].flat(),
      ),
      firing: after(QUARTERS),
    });
    scenario("a scale-up whose routes take a minute", {
      incidents: ["b4", "c4"].flatMap((node) => [
        { kind: "member" as const, node, ...within({ fromS: FAULT_S }) },
        loss(touching(node), { fromS: FAULT_S, untilS: FAULT_S + 60 }),
      ]),
      firing: after(QUARTERS),
    });
    scenario("a Prometheus that is away for two minutes", {
      incidents: [{ kind: "prometheus-down", fromS: FAULT_S, untilS: FAULT_S + 120 }],
      firing: after(QUARTERS),
    });
  });
}
