// Thresholds that the chart replaced.
import { describe } from "vitest";
import { after, FAULT_S, THREE_ZONES, type Declare } from "./check.ts";
import { dead, loss, touching, within } from "./incident.ts";
import { critical, warning } from "./promtool.ts";

export function thresholds(scenario: Declare): void {
  describe("thresholds that the chart replaced", () => {
    const fivePercent = { incidents: [loss(touching("a1"), { fromS: FAULT_S, share: 0.05 })] };
    scenario("a loss threshold of 10 % ignores 5 %", {
      ...fivePercent,
      thresholds: { loss_ratio: 0.1 },
      firing: after([300, 600]),
    });
    scenario("a loss threshold of 1 % names 2 %", {
      incidents: [loss(touching("a1"), { fromS: FAULT_S, share: 0.02 })],
      thresholds: { loss_ratio: 0.01 },
      firing: after([600], critical("NodeDegraded", { node: "a1" })),
    });
    scenario("a cluster share of half lets two of six nodes be named", {
      incidents: ["a1", "b1"].map((node) => dead(node, { fromS: FAULT_S })),
      thresholds: { cluster_share: 0.5 },
      firing: after([90, 600], critical("NodeDegraded", { node: "a1" }), critical("NodeDegraded", { node: "b1" })),
    });
    scenario("a node share of 30 % names a node that lost a third of its peers", {
      mesh: THREE_ZONES,
      incidents: [loss((slot) => touching("a1")(slot) && touching("b1", "b2", "b3")(slot), { fromS: FAULT_S })],
      thresholds: { node_share: 0.3 },
      firing: after([240, 600], critical("NodeDegraded", { node: "a1" })),
    });
    scenario("a path MTU threshold of 60 bytes ignores 50", {
      incidents: [
        {
          kind: "gauge",
          metric: "internode_path_mtu_shortfall_bytes",
          labels: () => true,
          value: 50,
          ...within({ fromS: FAULT_S }),
        },
      ],
      thresholds: { path_mtu_shortfall_bytes: 60 },
      firing: after([300, 600]),
    });
    scenario("a pod network share of 60 % leaves four of eight peers to the warnings about pairs", {
      mesh: THREE_ZONES,
      incidents: [
        loss((slot) => slot.network === "pod" && touching("b1")(slot) && touching("a1", "a2", "c1", "c2")(slot), {
          fromS: FAULT_S,
        }),
      ],
      thresholds: { pod_network_share: 0.6 },
      firing: after(
        [300, 600],
        ...["a", "c"].flatMap((zone) => [
          warning("PairsDegraded", { source_zone: zone, destination_zone: "b" }),
          warning("PairsDegraded", { source_zone: "b", destination_zone: zone }),
        ]),
      ),
    });
    scenario("several at once hold together: 10 % of loss, a third of the peers, five minutes without the API server", {
      mesh: THREE_ZONES,
      incidents: [
        loss(touching("a1"), { fromS: FAULT_S, share: 0.08 }),
        loss((slot) => touching("c1")(slot) && touching("b1", "b2", "b3")(slot), { fromS: FAULT_S }),
        {
          kind: "rate",
          metric: "internode_discovery_last_sync_timestamp_seconds",
          labels: (labels) => labels["source_node"] === "a2",
          perSecond: 0,
          ...within({ fromS: FAULT_S }),
        },
      ],
      thresholds: { loss_ratio: 0.1, node_share: 0.3, discovery_age_seconds: 300 },
      firing: {
        ...after([60]),
        ...after([300, 570], critical("NodeDegraded", { node: "c1" })),
        ...after(
          [690, 900],
          critical("NodeDegraded", { node: "c1" }),
          warning("AgentImpaired", { node: "a2", reason: "discovery" }),
        ),
      },
    });
    scenario("a DNS threshold of 60 % ignores half of the lookups", {
      incidents: [
        {
          kind: "rate",
          metric: "internode_dns_failures_total",
          labels: () => true,
          perSecond: 1 / 16,
          fromS: FAULT_S,
          untilS: Infinity,
        },
      ],
      thresholds: { dns_failure_ratio: 0.6 },
      firing: after([300, 600]),
    });
  });
}
