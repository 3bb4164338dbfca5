// Meshes that are not the textbook's: tiny, without zones, slowly scraped, filtered, several in one Prometheus.
import { describe } from "vitest";
import { after, FAULT_S, QUARTERS, SIX_NODES, THREE_ZONES, type Declare } from "./check.ts";
import { cordon, dead, loss, restart, touching, unscrapeable, within } from "./incident.ts";
import { nodesOf } from "./mesh.ts";
import { critical, warning } from "./promtool.ts";
import { SAMPLED } from "./sampled.scenarios.ts";

const SIX = nodesOf(SIX_NODES);
const NO_ZONES = { zones: { "": 6 } };
const icmpFiltered = loss((slot) => slot.protocol === "icmp", { fromS: 0 });
const icmpBlocked = [
  warning("ProtocolBlocked", { network: "pod", protocol: "icmp", ip_family: "ipv4" }),
  warning("ProtocolBlocked", { network: "node", protocol: "icmp", ip_family: "ipv4" }),
];

export function shapes(scenario: Declare): void {
  describe("a tiny mesh", () => {
    scenario("of three names the dead one", {
      mesh: { zones: { a: 1, b: 1, c: 1 } },
      incidents: [dead("c1", { fromS: FAULT_S })],
      firing: { ...after([60]), ...after([90, 300, 600], critical("NodeDegraded", { node: "c1" })) },
    });
    scenario("of three names the node whose pod network is broken", {
      mesh: { zones: { "": 3 } },
      incidents: [loss((slot) => slot.network === "pod" && touching("n2")(slot), { fromS: FAULT_S })],
      firing: { ...after([60]), ...after([240, 600], critical("PodNetworkDegraded", { node: "n2" })) },
    });
    scenario("of three with one bad link of the pod network is a warning about pairs", {
      mesh: { zones: { "": 3 } },
      incidents: [
        loss((slot) => slot.network === "pod" && touching("n2")(slot) && touching("n3")(slot), { fromS: FAULT_S }),
      ],
      firing: { ...after([60]), ...after([300, 600], warning("PairsDegraded")) },
    });
    scenario("of two cannot tell which is dead: one page for the mesh", {
      mesh: { zones: { "": 2 } },
      incidents: [dead("n2", { fromS: FAULT_S })],
      firing: { ...after([60]), ...after([90, 300, 600], critical("MeshDegraded")) },
    });
    scenario("of two is calm when healthy and when an agent restarts", {
      mesh: { zones: { "": 2 } },
      incidents: [restart("n2", { fromS: FAULT_S, untilS: FAULT_S + 60 })],
      firing: after([0, 60, 90, 120, 180, 240, 300]),
    });
    scenario("of three with one bad link is a warning about pairs", {
      mesh: { zones: { "": 3 } },
      incidents: [loss((slot) => touching("n2")(slot) && touching("n3")(slot), { fromS: FAULT_S })],
      firing: { ...after([60, 90]), ...after([300, 600], warning("PairsDegraded")) },
    });
    for (const count of [2, 3]) {
      scenario(`of ${count} is calm in a rolling update and in bursts of a minute`, {
        mesh: { zones: { "": count } },
        incidents: [
          ...Array.from({ length: count }, (_, index) =>
            restart(`n${index + 1}`, { fromS: FAULT_S + index * 75, untilS: FAULT_S + index * 75 + 60 }),
          ),
          loss(touching("n1"), { fromS: FAULT_S + 600, untilS: FAULT_S + 660 }),
        ],
        firing: after([...QUARTERS, ...QUARTERS.map((second) => second + 600)]),
      });
    }
    scenario("of three is calm when it shrinks to two and grows again", {
      mesh: { zones: { "": 3 } },
      incidents: [
        { kind: "member", node: "n3", fromS: 0, untilS: FAULT_S + 30 },
        { kind: "member", node: "n3", fromS: FAULT_S + 600, untilS: Infinity },
        ...dead("n3", { fromS: FAULT_S, untilS: FAULT_S + 30 }),
        loss(touching("n3"), { fromS: FAULT_S + 600, untilS: FAULT_S + 660 }),
      ],
      firing: after([...QUARTERS, ...QUARTERS.map((second) => second + 600)]),
    });
    scenario("of two zones with two nodes each blames the zone without power", {
      mesh: { zones: { a: 2, b: 2 } },
      incidents: ["b1", "b2"].map((node) => dead(node, { fromS: FAULT_S })),
      firing: { ...after([60]), ...after([90, 150, 300, 600], critical("ZoneDegraded", { zone: "b" })) },
    });
    scenario("of two zones that lose each other blames the pair of zones, whatever their sizes", {
      mesh: { zones: { a: 4, b: 2 } },
      incidents: [loss((slot) => slot.sourceZone !== slot.destinationZone, { fromS: FAULT_S })],
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

  describe("without zone labels", () => {
    scenario("one dead node is named", {
      mesh: NO_ZONES,
      incidents: [dead("n5", { fromS: FAULT_S })],
      firing: { ...after([60]), ...after([90, 300, 600], critical("NodeDegraded", { node: "n5" })) },
    });
    scenario("one link is one warning", {
      mesh: NO_ZONES,
      incidents: [loss((slot) => touching("n1")(slot) && touching("n2")(slot), { fromS: FAULT_S })],
      firing: { ...after([90, 210]), ...after([300, 600], warning("PairsDegraded")) },
    });
    scenario("half of the nodes dead is one page for the mesh", {
      mesh: NO_ZONES,
      incidents: ["n1", "n2", "n3"].map((node) => dead(node, { fromS: FAULT_S })),
      firing: { ...after([60]), ...after([90, 300, 600], critical("MeshDegraded")) },
    });
  });

  describe("without zone labels nobody is paged by", () => {
    scenario("a rolling update, a burst of a minute, and a node that joins late", {
      mesh: NO_ZONES,
      incidents: [
        ...nodesOf(NO_ZONES)
          .slice(0, 5)
          .map(({ name }, index) => restart(name, { fromS: FAULT_S + index * 75, untilS: FAULT_S + index * 75 + 60 })),
        { kind: "member", node: "n6", ...within({ fromS: FAULT_S + 800 }) },
        loss(touching("n6"), { fromS: FAULT_S + 800, untilS: FAULT_S + 860 }),
        // Not 1300, from one scrape to another: such a minute is just as long as what counts as dead.
        loss(() => true, { fromS: FAULT_S + 1305, untilS: FAULT_S + 1365 }),
      ],
      firing: after([0, 600, 1200].flatMap((shift) => QUARTERS.map((second) => second + shift))),
    });
  });

  describe("scraped every 30 s", () => {
    const slow = { scrapeS: 30 };
    scenario("a healthy mesh is calm", { ...slow, firing: after([-270, 0, 300, 600]) });
    scenario("a dead node is still named, a little later", {
      ...slow,
      incidents: [dead("a1", { fromS: FAULT_S })],
      firing: { ...after([60]), ...after([120, 300, 600], critical("NodeDegraded", { node: "a1" })) },
    });
    scenario("a restart and a burst of a minute page nobody", {
      ...slow,
      incidents: [
        restart("a1", { fromS: FAULT_S, untilS: FAULT_S + 60 }),
        loss(touching("b1"), { fromS: FAULT_S + 300, untilS: FAULT_S + 360 }),
      ],
      firing: after([60, 90, 120, 180, 240, 345, 360, 375, 390, 405, 420, 450, 480, 540, 600]),
    });
    scenario("a rolling update, a cordon, a scale-up, a scale-down and an absence of Prometheus page nobody", {
      ...slow,
      kubeState: true,
      incidents: [
        ...["a1", "a2", "b1", "b2"].map((node, index) =>
          restart(node, { fromS: FAULT_S + index * 75, untilS: FAULT_S + index * 75 + 60 }),
        ),
        cordon("b2", { fromS: FAULT_S + 600 }),
        { kind: "member", node: "c2", fromS: FAULT_S + 620, untilS: FAULT_S + 1250 },
        loss(touching("c2"), { fromS: FAULT_S + 620, untilS: FAULT_S + 680 }),
        ...dead("c2", { fromS: FAULT_S + 1220 }),
        { kind: "prometheus-down", fromS: FAULT_S + 1800, untilS: FAULT_S + 1920 },
      ],
      firing: after([0, 600, 1200, 1800].flatMap((shift) => QUARTERS.map((second) => second + shift))),
    });
    scenario("a zone without power is still one page", {
      ...slow,
      mesh: THREE_ZONES,
      incidents: ["b1", "b2", "b3"].map((node) => dead(node, { fromS: FAULT_S })),
      firing: { ...after([60]), ...after([120, 300, 600], critical("ZoneDegraded", { zone: "b" })) },
    });
    scenario("one link and one node's pod network are told apart", {
      ...slow,
      mesh: THREE_ZONES,
      incidents: [
        loss((slot) => touching("a1")(slot) && touching("b1")(slot), { fromS: FAULT_S }),
        loss((slot) => slot.network === "pod" && touching("c1")(slot), { fromS: FAULT_S }),
      ],
      firing: {
        ...after([90]),
        ...after(
          [360, 600],
          critical("PodNetworkDegraded", { node: "c1" }),
          warning("PairsDegraded", { source_zone: "a", destination_zone: "b" }),
          warning("PairsDegraded", { source_zone: "b", destination_zone: "a" }),
        ),
      },
    });
    scenario("a filtered protocol is told from a broken mesh", {
      ...slow,
      incidents: [loss((slot) => slot.protocol === "icmp", { fromS: FAULT_S })],
      firing: { ...after([60, 120, 180]), ...after([330, 600], ...icmpBlocked) },
    });
  });

  describe("where ICMP is filtered everywhere", () => {
    scenario("nothing but the filter fires", {
      incidents: [icmpFiltered],
      firing: after([0, 300, 600], ...icmpBlocked),
    });
    scenario("a dead node is named by the other protocols", {
      incidents: [icmpFiltered, dead("a1", { fromS: FAULT_S })],
      firing: {
        ...after([60], ...icmpBlocked),
        ...after([240, 600], ...icmpBlocked, critical("NodeDegraded", { node: "a1" })),
      },
    });
    scenario("an agent's restart pages nobody", {
      incidents: [icmpFiltered, restart("a1", { fromS: FAULT_S, untilS: FAULT_S + 60 })],
      firing: after([60, 90, 120, 150, 180, 240, 300], ...icmpBlocked),
    });
  });

  describe("with hostNetwork, where there is no pod network,", () => {
    const blocked = (protocol: string) => warning("ProtocolBlocked", { network: "node", protocol, ip_family: "ipv4" });
    const mesh = { ...SIX_NODES, hostNetwork: true };
    scenario("ICMP and UDP filtered everywhere are two filters while TCP works", {
      mesh,
      incidents: [loss((slot) => slot.protocol !== "tcp", { fromS: FAULT_S })],
      firing: { ...after([60, 120]), ...after([330, 600], blocked("icmp"), blocked("udp")) },
    });
    scenario("everything dead is the mesh and no filter, and one dead node the node", {
      mesh,
      incidents: [dead("a1", { fromS: FAULT_S, untilS: FAULT_S + 600 }), loss(() => true, { fromS: FAULT_S + 1200 })],
      firing: {
        ...after([60]),
        ...after([240, 600], critical("NodeDegraded", { node: "a1" })),
        ...after([1500, 1800], critical("MeshDegraded")),
      },
    });
  });

  describe("where ICMP is probed every 30 s", () => {
    scenario("a filter everywhere is told from loss", {
      mesh: { ...SIX_NODES, intervals: { icmp: 30 } },
      incidents: [loss((slot) => slot.protocol === "icmp", { fromS: FAULT_S })],
      firing: { ...after([60]), ...after([360, 600], ...icmpBlocked) },
    });
  });

  describe("where ICMP is filtered everywhere,", () => {
    scenario("a zone of half of the nodes without power is one page for the zone, and the filter stays one", {
      mesh: { zones: { a: 2, b: 2 } },
      incidents: [icmpFiltered, ...["b1", "b2"].map((node) => dead(node, { fromS: FAULT_S }))],
      firing: {
        ...after([60], ...icmpBlocked),
        ...after([300, 600, 1800], ...icmpBlocked, critical("ZoneDegraded", { zone: "b" })),
      },
    });
    scenario("of two nodes one dead is the mesh, and the filter stays one", {
      mesh: { zones: { "": 2 } },
      incidents: [icmpFiltered, dead("n2", { fromS: FAULT_S })],
      firing: { ...after([60], ...icmpBlocked), ...after([300, 600], ...icmpBlocked, critical("MeshDegraded")) },
    });
    scenario("a pod network that breaks everywhere is the mesh, and the filter stays one until ICMP is answered", {
      incidents: [
        loss((slot) => slot.protocol === "icmp", { fromS: 0, untilS: FAULT_S + 700 }),
        loss((slot) => slot.network === "pod", { fromS: FAULT_S, untilS: FAULT_S + 600 }),
      ],
      firing: {
        ...after([60], ...icmpBlocked),
        ...after([300, 590], ...icmpBlocked, critical("MeshDegraded")),
        ...after([1200]),
      },
    });
    scenario("without zones, scraped every 30 s, a dead node is named", {
      mesh: { zones: { "": 5 } },
      scrapeS: 30,
      incidents: [icmpFiltered, dead("n2", { fromS: FAULT_S })],
      firing: {
        ...after([60], ...icmpBlocked),
        ...after([300, 600], ...icmpBlocked, critical("NodeDegraded", { node: "n2" })),
      },
    });
    scenario(
      "TCP and UDP on the node network tell a dead node in 90 s, and a node that is lost on that network alone",
      {
        mesh: { ...SIX_NODES, hostPort: true },
        incidents: [
          icmpFiltered,
          dead("a1", { fromS: FAULT_S, untilS: FAULT_S + 400 }),
          loss((slot) => slot.network === "node" && touching("b1")(slot), { fromS: FAULT_S + 1000 }),
        ],
        firing: {
          ...after([60], ...icmpBlocked),
          ...after([90, 300], ...icmpBlocked, critical("NodeDegraded", { node: "a1" })),
          ...after([990, 1090], ...icmpBlocked),
          ...after([1260, 1600], ...icmpBlocked, critical("NodeDegraded", { node: "b1" })),
        },
      },
    );
    scenario("one link is the warning about pairs", {
      incidents: [icmpFiltered, loss((slot) => touching("a1")(slot) && touching("b1")(slot), { fromS: FAULT_S })],
      firing: {
        ...after([90], ...icmpBlocked),
        ...after(
          [300, 600],
          ...icmpBlocked,
          warning("PairsDegraded", { source_zone: "a", destination_zone: "b" }),
          warning("PairsDegraded", { source_zone: "b", destination_zone: "a" }),
        ),
      },
    });
    scenario("nobody is paged by a rolling update, a scale-up or a burst of a minute", {
      incidents: [
        icmpFiltered,
        ...["a1", "a2", "b1", "b2", "c1"].map((node, index) =>
          restart(node, { fromS: FAULT_S + index * 75, untilS: FAULT_S + index * 75 + 60 }),
        ),
        { kind: "member", node: "c2", ...within({ fromS: FAULT_S + 700 }) },
        loss(touching("c2"), { fromS: FAULT_S + 700, untilS: FAULT_S + 760 }),
        loss(() => true, { fromS: FAULT_S + 1200, untilS: FAULT_S + 1260 }),
      ],
      firing: after(
        [0, 600, 1200].flatMap((shift) => QUARTERS.map((second) => second + shift)),
        ...icmpBlocked,
      ),
    });
    scenario("a sampled mesh names a dead node too", {
      mesh: SAMPLED,
      incidents: [icmpFiltered, dead("b3", { fromS: FAULT_S })],
      firing: {
        ...after([60], ...icmpBlocked),
        ...after([240, 600], ...icmpBlocked, critical("NodeDegraded", { node: "b3" })),
      },
    });
  });

  describe("several clusters in one Prometheus", () => {
    scenario("one that falls silent is down, the other is not, and a restart there pages nobody", {
      cluster: "east",
      incidents: SIX.map(({ name }) => unscrapeable(name, { fromS: FAULT_S })),
      others: [{ cluster: "west", incidents: restart("a1", { fromS: FAULT_S, untilS: FAULT_S + 60 }) }],
      firing: { ...after([60, 240]), ...after([330, 900], critical("Down", { cluster: "east" })) },
    });
    scenario("are judged one by one, and alerts say which", {
      cluster: "east",
      incidents: [dead("a1", { fromS: FAULT_S })],
      others: [{ cluster: "west", incidents: [loss(() => true, { fromS: FAULT_S })] }, { cluster: "north" }],
      firing: {
        ...after([60]),
        ...after(
          [90, 300],
          critical("NodeDegraded", { cluster: "east", node: "a1" }),
          critical("MeshDegraded", { cluster: "west" }),
        ),
      },
    });
  });

  describe("both address families", () => {
    scenario("IPv6 lost on one node's pods is seen while IPv4 is fine", {
      mesh: { ...SIX_NODES, families: ["ipv4", "ipv6"] },
      incidents: [
        loss((slot) => slot.ipFamily === "ipv6" && slot.network === "pod" && touching("a1")(slot), { fromS: FAULT_S }),
      ],
      firing: { ...after([90]), ...after([240, 600], critical("PodNetworkDegraded", { node: "a1" })) },
    });
  });
}
