// Incidents of nodes, zones and the whole mesh: one page each, naming the widest thing that explains it.
import { describe } from "vitest";
import { after, FAULT_S, scenario, THREE_ZONES } from "./check.ts";
import { cordon, dead, loss, restart, touching, unscrapeable } from "./incident.ts";
import { critical, warning } from "./promtool.ts";

scenario("a healthy mesh fires nothing and records not a single pair", {
  firing: after([-285, -240, 0, 300, 600]),
  samples: [{ atS: 900, expr: `count({__name__=~"internode:(slot|pair)_.*"})`, samples: [] }],
});

describe("one node", () => {
  scenario("that is cut off from everyone and from Prometheus pages once, within 90 s, and only after a minute", {
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

describe("more than nodes", () => {
  scenario("a zone without power is one page for the zone, within 90 s", {
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
      ...after([240, 600],
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
      ...after([270, 600],
        warning("PairsDegraded", { source_zone: "a", destination_zone: "b" }),
        warning("PairsDegraded", { source_zone: "b", destination_zone: "a" }),
      ),
    },
  });
});

describe("the pod network", () => {
  scenario("of one node is a page for the CNI there", {
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
      ...after([330, 600],
        warning("ProtocolBlocked", { network: "pod", protocol: "icmp", ip_family: "ipv4" }),
        warning("ProtocolBlocked", { network: "node", protocol: "icmp", ip_family: "ipv4" }),
      ),
    },
  });
  scenario("filtered on one node's pods fires nothing: the other two prove the path", {
    incidents: [loss((slot) => slot.network === "pod" && slot.protocol === "tcp" && slot.destination === "a1", { fromS: FAULT_S })],
    firing: after([90, 300, 600]),
  });
});

describe("calm", () => {
  scenario("an agent's restart of 60 s pages nobody", {
    incidents: [restart("a1", { fromS: FAULT_S, untilS: FAULT_S + 60 })],
    firing: after([60, 90, 120, 180, 240, 300, 600]),
  });
  scenario("a burst of 60 s on a whole node pages nobody", {
    incidents: [loss(touching("a1"), { fromS: FAULT_S, untilS: FAULT_S + 60 })],
    firing: after([60, 75, 90, 105, 120, 180, 240, 300, 600]),
  });
  scenario("a target that Prometheus loses for two minutes pages nobody", {
    incidents: [unscrapeable("a1", { fromS: FAULT_S, untilS: FAULT_S + 120 })],
    firing: after([60, 120, 180, 240, 300, 600]),
  });
});
