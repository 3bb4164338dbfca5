// The same pairs more than once in one Prometheus: by two jobs, by two releases, with a replica's label. Every alert reads
// as if they stood there once.
import { describe } from "vitest";
import { after, FAULT_S, QUARTERS, SIX_NODES, THREE_ZONES, type Check, type Declare } from "./check.ts";
import { dead, loss, restart, touching, unscrapeable, within, type Incident, type Labels } from "./incident.ts";
import { nodesOf } from "./mesh.ts";
import { critical, warning } from "./promtool.ts";

/** A PodMonitor and the annotations: each names the target in its own way. */
const TWO_JOBS: readonly Labels[] = [
  { job: "internode/internode", namespace: "internode", instance: "$node" },
  { job: "annotated", kubernetes_namespace: "internode", instance: "10.0.0.1:9843", pod: "internode-$node" },
];
const WAYS: Readonly<Record<string, readonly Labels[]>> = {
  "by two jobs": TWO_JOBS,
  "by both of a pair of Prometheus": [{ replica: "0" }, { replica: "1" }],
  "by two jobs of both of a pair": TWO_JOBS.flatMap((labels) => ["0", "1"].map((replica) => ({ ...labels, replica }))),
};

const ALL = nodesOf(SIX_NODES).map(({ name }) => name);
const from = (node: string) => (labels: Labels) => labels["source_node"] === node;

/** What the rules hold of a healthy or half healthy mesh of six must not depend on who else looks at it. */
const counted = (atS: number) => [
  { atS, expr: "internode:node_pairs:count != 5", samples: [] },
  { atS, expr: "count(internode:node_pairs:count)", samples: [{ labels: "{}", value: 24 }] },
  { atS, expr: "internode:zone_pairs:count{source_zone='a', destination_zone='b'} != 4", samples: [] },
  { atS, expr: "internode:zone_inside_pairs:count != 4", samples: [] },
  { atS, expr: "internode:nodes:count", samples: [{ labels: "internode:nodes:count", value: 6 }] },
  { atS, expr: "internode:protocol_dead:ratio", samples: [] },
];

function rate(metric: string, perSecond: number, labels: (labels: Labels) => boolean): Incident {
  return { kind: "rate", metric, perSecond, labels, ...within({ fromS: FAULT_S }) };
}

export function twice(scenario: Declare): void {
  for (const [way, scrapedAs] of Object.entries(WAYS)) {
    describe(`each agent scraped ${way}`, () => {
      scenario("a dead node is named", {
        scrapedAs,
        incidents: [dead("c1", { fromS: FAULT_S })],
        firing: { ...after([0, 60]), ...after([90, 300, 600], critical("NodeDegraded", { node: "c1" })) },
        samples: counted(FAULT_S - 5),
      });
      scenario("a restart, a rolling update and a burst of a minute page nobody", {
        scrapedAs,
        incidents: [
          ...ALL.map((node, index) =>
            restart(node, { fromS: FAULT_S + index * 75, untilS: FAULT_S + index * 75 + 60 }),
          ),
          [loss(() => true, { fromS: FAULT_S + 900, untilS: FAULT_S + 960 })],
        ],
        firing: after([0, 420, 900].flatMap((shift) => QUARTERS.map((second) => second + shift))),
      });
    });
  }

  describe("each agent scraped by two jobs", () => {
    const scraped = (sentence: string, check: Check) => scenario(sentence, { scrapedAs: TWO_JOBS, ...check });
    scraped("5 % of loss on one node's uplink is named", {
      incidents: [loss(touching("b2"), { fromS: FAULT_S, share: 0.05 })],
      firing: after([600, 1200], critical("NodeDegraded", { node: "b2" })),
    });
    scraped("a zone without power is one page", {
      mesh: THREE_ZONES,
      incidents: ["b1", "b2", "b3"].map((node) => dead(node, { fromS: FAULT_S })),
      firing: { ...after([60]), ...after([90, 300, 600], critical("ZoneDegraded", { zone: "b" })) },
    });
    scraped("a zone partition pages once for each order", {
      mesh: THREE_ZONES,
      incidents: [loss((slot) => [slot.sourceZone, slot.destinationZone].sort().join() === "a,b", { fromS: FAULT_S })],
      firing: after(
        [240, 600],
        critical("ZonePairDegraded", { source_zone: "a", destination_zone: "b" }),
        critical("ZonePairDegraded", { source_zone: "b", destination_zone: "a" }),
      ),
    });
    scraped("the pod network of one node is a page for the CNI there", {
      incidents: [loss((slot) => slot.network === "pod" && touching("a2")(slot), { fromS: FAULT_S })],
      firing: after([240, 600], critical("PodNetworkDegraded", { node: "a2" })),
    });
    scraped("one link is a warning that counts its two pairs once", {
      mesh: { zones: { a: 6 } },
      incidents: [loss((slot) => touching("a1")(slot) && touching("a2")(slot), { fromS: FAULT_S })],
      firing: after([300, 600], warning("PairsDegraded", { source_zone: "a", destination_zone: "a" })),
      samples: [
        {
          atS: FAULT_S + 400,
          expr: "count(internode:pair_unexplained)",
          samples: [{ labels: "{}", value: 4 }],
        },
      ],
    });
    scraped("a protocol that is filtered everywhere is a filter, and a dead node beside it is named", {
      incidents: [loss((slot) => slot.protocol === "icmp", { fromS: 0 }), dead("a1", { fromS: FAULT_S })],
      firing: after(
        [240, 600],
        warning("ProtocolBlocked", { network: "pod", protocol: "icmp", ip_family: "ipv4" }),
        warning("ProtocolBlocked", { network: "node", protocol: "icmp", ip_family: "ipv4" }),
        critical("NodeDegraded", { node: "a1" }),
      ),
    });
    scraped("an agent that skips 4 % of its probes keeps its schedule, one that skips 10 % does not", {
      // Five peers: ten probes of ICMP and two of the others are due each second.
      incidents: [
        rate(
          "internode_probes_skipped_total",
          0.48,
          (labels) => from("a1")(labels) && labels["protocol"] === "icmp" && labels["network"] === "pod",
        ),
        rate(
          "internode_probes_skipped_total",
          1.2,
          (labels) => from("b1")(labels) && labels["protocol"] === "icmp" && labels["network"] === "pod",
        ),
      ],
      firing: { ...after([240]), ...after([630, 900], warning("AgentImpaired", { node: "b1", reason: "schedule" })) },
    });
    scraped("protocols that one agent cannot open are counted once", {
      incidents: [
        {
          kind: "gauge",
          metric: "internode_protocol_available",
          value: 0,
          labels: (labels) => from("a1")(labels) && labels["protocol"] === "icmp",
          ...within({ fromS: FAULT_S }),
        },
      ],
      firing: after([330, 900], warning("AgentImpaired", { node: "a1", reason: "protocol" })),
      samples: [
        {
          atS: FAULT_S + 400,
          expr: "internode:agent_impaired",
          samples: [{ labels: 'internode:agent_impaired{node="a1", source_node="a1", reason="protocol"}', value: 2 }],
        },
      ],
    });
    scraped("a path MTU black hole behind one node is a warning for it", {
      incidents: [
        {
          kind: "gauge",
          metric: "internode_path_mtu_shortfall_bytes",
          value: 50,
          labels: from("b2"),
          ...within({ fromS: FAULT_S }),
        },
      ],
      firing: after([300, 600], warning("PathMtuBlackHole", { node: "b2" })),
    });
    scraped("an agent of which one job hears nothing is not silent", {
      scrapedAs: [TWO_JOBS[0]!],
      others: [{ labels: TWO_JOBS[1]!, incidents: [unscrapeable("a1", { fromS: FAULT_S })] }],
      firing: after([300, 600, 900]),
    });
  });

  describe("some agents scraped by a second job, the others by one", () => {
    const onlyThree = ["a1", "a2", "b1"].map((node) => unscrapeable(node, { fromS: -1 }));
    const partly = (sentence: string, { incidents = [], ...check }: Check) =>
      scenario(sentence, {
        ...check,
        incidents,
        scrapedAs: [TWO_JOBS[0]!],
        others: [{ labels: TWO_JOBS[1]!, incidents: [...incidents.flat(), ...onlyThree] }],
      });
    partly("a dead node is named, and every node's pairs are counted once", {
      incidents: [dead("b1", { fromS: FAULT_S })],
      firing: { ...after([0, 60]), ...after([90, 300, 600], critical("NodeDegraded", { node: "b1" })) },
      samples: counted(FAULT_S - 5),
    });
    partly("a dead node among those that are scraped twice is named", {
      incidents: [dead("c2", { fromS: FAULT_S })],
      firing: { ...after([0, 60]), ...after([90, 300, 600], critical("NodeDegraded", { node: "c2" })) },
    });
    partly("the pod network of one node is a page for the CNI there", {
      incidents: [loss((slot) => slot.network === "pod" && touching("c2")(slot), { fromS: FAULT_S })],
      firing: after([240, 600], critical("PodNetworkDegraded", { node: "c2" })),
    });
  });

  describe("a second release in the same Prometheus", () => {
    const first = { job: "internode/internode", namespace: "internode" };
    const second = { job: "second/internode", namespace: "second" };
    const beside = (sentence: string, { others: [other] = [], ...check }: Check) =>
      scenario(sentence, { scrapedAs: [first], ...check, others: [{ labels: second, ...other }] });
    const THREE = { zones: { a: 1, b: 1, c: 1 } };

    beside("on all nodes is as calm as one", { firing: after([-285, 0, 300]), samples: counted(FAULT_S - 5) });
    beside("on all nodes lets a dead node be named", {
      incidents: [dead("c1", { fromS: FAULT_S })],
      others: [{ incidents: [...dead("c1", { fromS: FAULT_S })] }],
      firing: { ...after([0, 60]), ...after([90, 300, 600], critical("NodeDegraded", { node: "c1" })) },
    });
    beside("on half of the nodes is as calm as one", {
      others: [{ mesh: THREE }],
      firing: after([0, 300, 600, 900]),
      samples: counted(FAULT_S - 5),
    });
    beside("on half of the nodes lets a dead node be named, of this half or not", {
      incidents: [dead("c1", { fromS: FAULT_S })],
      others: [{ mesh: THREE, incidents: [...dead("c1", { fromS: FAULT_S })] }],
      firing: { ...after([0, 60]), ...after([90, 300, 600], critical("NodeDegraded", { node: "c1" })) },
    });
    beside("on other nodes is a mesh of its own: nobody disagrees, and a dead node of it is named", {
      mesh: { zones: { a: 4 } },
      others: [{ mesh: { zones: { b: 6 } }, incidents: [...dead("b1", { fromS: FAULT_S })] }],
      firing: { ...after([0, 60]), ...after([90, 300, 600, 900], critical("NodeDegraded", { node: "b1" })) },
    });
    beside("that probes others of a sample counts each of its pairs too", {
      mesh: { zones: { a: 9 }, sampleSize: 3 },
      others: [{ mesh: { zones: { a: 9 }, sampleSize: 4 } }],
      firing: after([0, 300]),
      // Steps 1, 3 and 6 around the ring; 1, 3, 5 and 7.
      samples: [{ atS: FAULT_S - 5, expr: "internode:node_pairs:count != 5", samples: [] }],
    });
  });
}
