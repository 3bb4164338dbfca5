// Incidents of nodes, zones and the whole mesh: one page each, naming the widest thing that explains it.
import { describe } from "vitest";
import { after, FAULT_S, THREE_ZONES, type Declare } from "./check.ts";
import { cordon, dead, loss, restart, touching, within, type Incident } from "./incident.ts";
import type { Slot } from "./mesh.ts";
import { critical, warning } from "./promtool.ts";

export function nodes(scenario: Declare): void {
  scenario("a healthy mesh fires nothing and records not a single pair", {
    firing: after([-285, -240, 0, 300, 600]),
    samples: [{ atS: 900, expr: `count({__name__=~"internode:(slot|pair)_.*"})`, samples: [] }],
  });

  describe("one node", () => {
    scenario("that is cut off from everyone and from Prometheus pages once, within 90 s, and only after a minute", {
      weight: "heart",
      incidents: [dead("c1", { fromS: FAULT_S })],
      firing: { ...after([0, 30, 60]), ...after([90, 105, 180, 300, 600], critical("NodeDegraded", { node: "c1" })) },
    });
    scenario("that loses everyone while Prometheus still reaches it pages the same", {
      incidents: [loss(touching("c1"), { fromS: FAULT_S })],
      firing: { ...after([60]), ...after([90, 300, 600], critical("NodeDegraded", { node: "c1" })) },
    });
    scenario("that is dead and cordoned pages nobody", {
      kubeState: true,
      incidents: [cordon("c1", { fromS: FAULT_S - 100 }), dead("c1", { fromS: FAULT_S })],
      firing: after([90, 105, 300, 600]),
    });
    scenario("that comes back resolves within five minutes", {
      incidents: [dead("c1", { fromS: FAULT_S, untilS: FAULT_S + 395 })],
      firing: { ...after([390], critical("NodeDegraded", { node: "c1" })), ...after([690, 900]) },
    });
    scenario("with 5 % loss on its uplink is named within ten minutes", {
      incidents: [loss(touching("b2"), { fromS: FAULT_S, share: 0.05 })],
      firing: after([600, 1200], critical("NodeDegraded", { node: "b2" })),
    });
  });

  describe("a node that is only half broken", () => {
    scenario("because its uplink loses one way: both ordered pairs fail, and it is named", {
      incidents: [loss(touching("b1"), { fromS: FAULT_S, share: 0.5 })],
      firing: { ...after([60, 150]), ...after([240, 600], critical("NodeDegraded", { node: "b1" })) },
    });
    scenario("because its uplink loses everything one way: UDP tells, and it is named as one that is dead", {
      incidents: [
        {
          ...loss(touching("b1"), { fromS: FAULT_S }),
          direction: (slot) => (slot.source === "b1" ? "forward" : "reverse"),
        } as Incident,
      ],
      firing: { ...after([60]), ...after([90, 300, 600], critical("NodeDegraded", { node: "b1" })) },
    });
    scenario("because a policy stops the connections its pods open, and only those, is named as a source", {
      incidents: [
        loss((slot) => slot.source === "b1" && slot.network === "pod" && slot.protocol !== "icmp", { fromS: FAULT_S }),
      ],
      firing: { ...after([90]), ...after([240, 600], critical("PodNetworkDegraded", { node: "b1" })) },
    });
    scenario("because its pod network misses four of eight peers is a warning", {
      mesh: THREE_ZONES,
      incidents: [
        loss((slot) => slot.network === "pod" && touching("b1")(slot) && touching("a1", "a2", "c1", "c2")(slot), {
          fromS: FAULT_S,
        }),
      ],
      firing: { ...after([90]), ...after([240, 600], warning("PodNetworkDegraded", { node: "b1" })) },
    });
  });

  describe("what comes and goes, two minutes each,", () => {
    const flapping = (where: (slot: Slot) => boolean, share: number): readonly Incident[] =>
      Array.from({ length: 5 }, (_, turn) =>
        loss(where, { fromS: FAULT_S + turn * 240, untilS: FAULT_S + turn * 240 + 120, share }),
      );
    const late = [540, 660, 780, 900, 1020] as const;

    scenario("on one node's links is one page for the node, that lasts", {
      incidents: flapping(touching("a1"), 0.5),
      firing: { ...after([120, 240]), ...after(late, critical("NodeDegraded", { node: "a1" })) },
    });
    scenario("everywhere is one page for the mesh", {
      incidents: flapping(() => true, 0.5),
      firing: { ...after([120, 240]), ...after(late, critical("MeshDegraded")) },
    });
    scenario("on one node's pod network is one page for its CNI", {
      incidents: flapping((slot) => slot.network === "pod" && touching("a1")(slot), 0.5),
      firing: { ...after([120, 240]), ...after(late, critical("PodNetworkDegraded", { node: "a1" })) },
    });
    scenario("in one zone is one page for the zone", {
      incidents: flapping((slot) => slot.sourceZone === "b" || slot.destinationZone === "b", 0.5),
      firing: { ...after([120, 240]), ...after(late, critical("ZoneDegraded", { zone: "b" })) },
    });
    scenario("between two zones is one page for each order", {
      incidents: flapping((slot) => [slot.sourceZone, slot.destinationZone].sort().join() === "a,b", 1),
      firing: {
        ...after([120, 240]),
        ...after(
          late,
          critical("ZonePairDegraded", { source_zone: "a", destination_zone: "b" }),
          critical("ZonePairDegraded", { source_zone: "b", destination_zone: "a" }),
        ),
      },
    });
  });

  describe("two nodes at once", () => {
    scenario("of nine are two pages, each with its name", {
      mesh: THREE_ZONES,
      incidents: ["a1", "b1"].map((node) => dead(node, { fromS: FAULT_S })),
      firing: {
        ...after([60]),
        ...after([90, 600], critical("NodeDegraded", { node: "a1" }), critical("NodeDegraded", { node: "b1" })),
      },
    });
    scenario("with a pair that was bad before are the node's page and the pair's warning", {
      mesh: THREE_ZONES,
      incidents: [
        loss((slot) => touching("a1")(slot) && touching("b1")(slot), { fromS: 0 }),
        dead("c1", { fromS: FAULT_S }),
      ],
      firing: {
        ...after(
          [60],
          warning("PairsDegraded", { source_zone: "a", destination_zone: "b" }),
          warning("PairsDegraded", { source_zone: "b", destination_zone: "a" }),
        ),
        ...after(
          [90, 300, 600],
          critical("NodeDegraded", { node: "c1" }),
          warning("PairsDegraded", { source_zone: "a", destination_zone: "b" }),
          warning("PairsDegraded", { source_zone: "b", destination_zone: "a" }),
        ),
      },
    });
  });

  describe("more than nodes", () => {
    scenario("a zone without power is one page for the zone, within 90 s", {
      weight: "heart",
      mesh: THREE_ZONES,
      incidents: ["b1", "b2", "b3"].map((node) => dead(node, { fromS: FAULT_S })),
      firing: { ...after([60]), ...after([90, 105, 180, 300, 600], critical("ZoneDegraded", { zone: "b" })) },
    });
    scenario("the whole mesh is one page", {
      incidents: [loss(() => true, { fromS: FAULT_S })],
      firing: { ...after([60]), ...after([90, 105, 300, 600], critical("MeshDegraded")) },
    });
    scenario("a zone partition pages once for each order of the two zones", {
      mesh: THREE_ZONES,
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
  });

  describe("less than nodes", () => {
    scenario("one link is a warning that names the zones", {
      incidents: [loss((slot) => touching("a1")(slot) && touching("b1")(slot), { fromS: FAULT_S })],
      firing: {
        ...after([90, 210]),
        ...after(
          [270, 600],
          warning("PairsDegraded", { source_zone: "a", destination_zone: "b" }),
          warning("PairsDegraded", { source_zone: "b", destination_zone: "a" }),
        ),
      },
    });
  });

  describe("the pod network", () => {
    scenario("of one node is a page for the CNI there", {
      weight: "heart",
      incidents: [loss((slot) => slot.network === "pod" && touching("a2")(slot), { fromS: FAULT_S })],
      firing: { ...after([90]), ...after([240, 600], critical("PodNetworkDegraded", { node: "a2" })) },
    });
    scenario("everywhere is one page without a node", {
      incidents: [loss((slot) => slot.network === "pod", { fromS: FAULT_S })],
      firing: { ...after([90]), ...after([240, 600], critical("PodNetworkDegraded")) },
    });
  });

  describe("one protocol", () => {
    scenario("filtered everywhere is one warning, on each network where it is", {
      incidents: [loss((slot) => slot.protocol === "icmp", { fromS: FAULT_S })],
      firing: {
        ...after([90]),
        ...after(
          [330, 600],
          warning("ProtocolBlocked", { network: "pod", protocol: "icmp", ip_family: "ipv4" }),
          warning("ProtocolBlocked", { network: "node", protocol: "icmp", ip_family: "ipv4" }),
        ),
      },
    });
    for (const protocol of ["tcp", "udp"] as const) {
      scenario(`filtered everywhere is one warning: ${protocol}`, {
        incidents: [loss((slot) => slot.protocol === protocol, { fromS: FAULT_S })],
        firing: {
          ...after([90]),
          ...after([330, 600], warning("ProtocolBlocked", { network: "pod", protocol, ip_family: "ipv4" })),
        },
      });
    }
    scenario("filtered on one node's pods fires nothing: the other two prove the path", {
      incidents: [
        loss((slot) => slot.network === "pod" && slot.protocol === "tcp" && slot.destination === "a1", {
          fromS: FAULT_S,
        }),
      ],
      firing: after([90, 300, 600]),
    });
    scenario("filtered on one node's pods is not what makes a restart there a page", {
      incidents: [
        loss((slot) => slot.network === "pod" && slot.protocol === "udp" && touching("a1")(slot), { fromS: 0 }),
        restart("a1", { fromS: FAULT_S + 100, untilS: FAULT_S + 160 }),
      ],
      firing: after([90, 180, 240, 300, 330, 360, 390, 420, 480, 600]),
    });
    scenario("UDP, losing half of everything everywhere is a starved agent or a policy, and no page", {
      incidents: [loss((slot) => slot.protocol === "udp", { fromS: FAULT_S, share: 0.5 })],
      firing: after([90, 300, 600]),
    });
    scenario("TCP, losing only SYNs that are sent again counts as lost beside UDP", {
      incidents: [
        loss((slot) => slot.protocol === "udp" && slot.source === "a1" && slot.destination === "b1", {
          fromS: FAULT_S,
          share: 0.2,
        }),
        {
          kind: "retransmits",
          where: (slot) => slot.source === "a1" && slot.destination === "b1",
          perProbe: 0.25,
          ...within({ fromS: FAULT_S }),
        },
      ],
      firing: {
        ...after([90]),
        ...after([330, 600], warning("PairsDegraded", { source_zone: "a", destination_zone: "b" })),
      },
    });
  });
}
