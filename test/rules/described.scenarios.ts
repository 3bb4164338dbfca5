// What a person reads at night: whole sentences, with figures.
import { after, FAULT_S, type Declare } from "./check.ts";
import { dead, loss, oneWayLoss, touching } from "./incident.ts";
import type { Slot } from "./mesh.ts";
import { critical, warning } from "./promtool.ts";

const SHARES = [
  ["a1", "pod", "icmp", 0.625],
  ["a2", "pod", "icmp", 0.5625],
  ["a1", "pod", "udp", 0.5],
  ["a2", "pod", "udp", 0.4375],
  ["a1", "node", "icmp", 0.375],
  ["a2", "node", "icmp", 0.3125],
] as const;

export function described(scenario: Declare): void {
  scenario("a dead node's page says how much of each network is lost", {
    incidents: [dead("c1", { fromS: FAULT_S })],
    firing: after([300], critical("NodeDegraded", { node: "c1" })),
    described: [
      {
        atS: FAULT_S + 295,
        alert: critical("NodeDegraded", { node: "c1" }),
        summary: "A node has lost most of its peers.",
        dashboard: "/d/internode-node?var-cluster=&var-node=c1",
        description:
          "Node c1 loses more than 3% of its probes with 100% of its peers on the node network, with 100% of its peers on the pod network, over 5 minutes.",
      },
    ],
  });
  scenario("a link that loses one way is a warning that says which way", {
    mesh: { zones: { a: 6 } },
    // Each slot another share, so that the worst come in a certain order.
    incidents: SHARES.map(([source, network, protocol, share]) => ({
      ...oneWayLoss("a1", "a2", { fromS: FAULT_S, share }),
      where: (slot: Slot) =>
        slot.source === source &&
        touching("a1")(slot) &&
        touching("a2")(slot) &&
        slot.network === network &&
        slot.protocol === protocol,
    })),
    firing: after([600], warning("PairsDegraded", { source_zone: "a", destination_zone: "a" })),
    described: [
      {
        atS: FAULT_S + 595,
        alert: warning("PairsDegraded", { source_zone: "a", destination_zone: "a" }),
        summary: "Some pairs of nodes lose packets.",
        dashboard: "/d/internode-pair?var-cluster=&var-source=a1&var-destination=a2",
        description:
          "2 pairs of nodes from zone a to zone a lose probes, and nothing wider explains it. Worst in 5 minutes: a1 → a2 pod icmp 62.5%; a2 → a1 pod icmp 56.25%; a1 → a2 pod udp 50%; a2 → a1 pod udp 43.75%; a1 → a2 node icmp 37.5%; UDP lost 56.25 packets on the way from a1 to a2; a failed ICMP or TCP probe says nothing of direction.",
      },
    ],
  });
  scenario("a broken pod network's page blames the CNI of the node", {
    incidents: [loss((slot) => slot.network === "pod" && touching("a2")(slot), { fromS: FAULT_S })],
    firing: after([300], critical("PodNetworkDegraded", { node: "a2" })),
    described: [
      {
        atS: FAULT_S + 295,
        alert: critical("PodNetworkDegraded", { node: "a2" }),
        summary: "The pod network loses packets while the node network is fine.",
        dashboard: "/d/internode-node?var-cluster=&var-node=a2",
        description:
          "On the pod network node a2 loses probes with 100% of its peers; the node network to the same peers is fine: the CNI on this node.",
      },
    ],
  });
}
