// Pairs that were answered and are now rejected: by the target itself, or by somebody on the way.
import { describe } from "vitest";
import { after, FAULT_S, QUARTERS, SIX_NODES, type Declare } from "./check.ts";
import { blocked, cordon, refusal, restart, touching, unscrapeable, within } from "./incident.ts";
import type { Slot } from "./mesh.ts";
import { critical, warning } from "./promtool.ts";

const LONG = [420, 900, 1800] as const;
const tells = (source_zone: string, destination_zone: string, protocol: string) =>
  warning("PairsBlocked", { source_zone, destination_zone, protocol });
const towards =
  (destination: string, ...protocols: readonly string[]) =>
  (slot: Slot) =>
    slot.destination === destination && slot.network === "pod" && protocols.includes(slot.protocol);
const link =
  (...protocols: readonly string[]) =>
  (slot: Slot) =>
    touching("a1")(slot) && touching("b1")(slot) && slot.network === "pod" && protocols.includes(slot.protocol);

export function blockedPairs(scenario: Declare): void {
  describe("pairs that were answered and", () => {
    scenario("are refused now are a warning for each pair of zones, as long as it lasts", {
      incidents: [refusal(towards("b1", "tcp"), { fromS: FAULT_S, untilS: FAULT_S + 1850 })],
      firing: {
        ...after([60, 120, 180]),
        ...after(LONG, tells("a", "b", "tcp"), tells("b", "b", "tcp"), tells("c", "b", "tcp")),
        ...after([2300]),
      },
    });
    scenario("are blocked now on one protocol, which is no loss of the pair, are a warning", {
      incidents: [blocked(link("udp"), { fromS: FAULT_S })],
      firing: { ...after([60, 180]), ...after(LONG, tells("a", "b", "udp"), tells("b", "a", "udp")) },
    });
    scenario("are blocked now on two protocols are told by what blocks them, and not as loss besides", {
      incidents: [blocked(link("tcp", "udp"), { fromS: FAULT_S, untilS: FAULT_S + 1850 })],
      firing: {
        ...after([60, 180]),
        ...after(LONG, ...["tcp", "udp"].flatMap((protocol) => [tells("a", "b", protocol), tells("b", "a", protocol)])),
        ...after([2300]),
      },
    });
    scenario("are refused now, through a restart of the agent that asks, are one warning", {
      incidents: [
        refusal((slot) => slot.source === "a1" && slot.destination === "b1" && slot.protocol === "tcp", {
          fromS: FAULT_S,
        }),
        ...restart("a1", { fromS: FAULT_S + 1000, untilS: FAULT_S + 1060 }),
      ],
      firing: after([420, 960, 1080, 1140, 1200, 1260, 1320, 1500, 1800], tells("a", "b", "tcp")),
    });
    scenario("are refused now, scraped every 30 s and by two jobs, count once", {
      scrapeS: 30,
      scrapedAs: [{ job: "a", instance: "$node" }, { job: "b" }],
      incidents: [refusal(link("tcp"), { fromS: FAULT_S })],
      firing: { ...after([90]), ...after([480, 900], tells("a", "b", "tcp"), tells("b", "a", "tcp")) },
      samples: [
        {
          atS: FAULT_S + 595,
          expr: "count(internode:slot_rejected)",
          samples: [{ labels: "{}", value: 2 }],
        },
      ],
    });
    scenario("are refused now, without zones, are one warning", {
      mesh: { zones: { "": 5 } },
      incidents: [refusal((slot) => slot.destination === "n2" && slot.protocol === "udp", { fromS: FAULT_S })],
      firing: after([420, 900], warning("PairsBlocked", { protocol: "udp" })),
    });
    scenario("are blocked now are counted and named in the description", {
      incidents: [blocked((slot) => slot.source === "a1" && link("udp")(slot), { fromS: FAULT_S })],
      firing: after([600], tells("a", "b", "udp")),
      described: [
        {
          atS: FAULT_S + 595,
          alert: tells("a", "b", "udp"),
          summary: "Pairs of nodes that were answered are now rejected.",
          dashboard: "/d/internode-pair?var-cluster=&var-source=a1&var-destination=b1",
          description:
            "1 pair of nodes from zone a to zone b, answered over udp before, rejected now: a1 → b1 pod blocked; refused is an answer of the target itself, where nothing listens; blocked is one of somebody else, such as a policy that rejects.",
        },
      ],
    });
  });

  describe("what else tells of a rejection:", () => {
    scenario("the pod network of a node that a policy cuts off is a page for it, and nothing besides", {
      incidents: [blocked((slot) => slot.network === "pod" && touching("b1")(slot), { fromS: FAULT_S })],
      firing: { ...after([90]), ...after([240, ...LONG], critical("PodNetworkDegraded", { node: "b1" })) },
    });
    for (const [how, everywhere] of [
      ["blocked", blocked((slot) => slot.protocol === "udp", { fromS: FAULT_S })],
      ["refused", refusal((slot) => slot.protocol === "udp", { fromS: FAULT_S })],
    ] as const) {
      scenario(`a protocol that is ${how} everywhere is a filter`, {
        incidents: [everywhere],
        firing: after(
          [330, ...LONG],
          warning("ProtocolBlocked", { network: "pod", protocol: "udp", ip_family: "ipv4" }),
        ),
      });
    }
    scenario("two protocols of a pair that were blocked from the very start are loss", {
      incidents: [blocked(link("tcp", "udp"), { fromS: -1 })],
      firing: after(
        [300, ...LONG],
        warning("PairsDegraded", { source_zone: "a", destination_zone: "b" }),
        warning("PairsDegraded", { source_zone: "b", destination_zone: "a" }),
      ),
    });
    scenario("an agent that is down, and whose node refuses for it, is silent", {
      mesh: { ...SIX_NODES, hostPort: true },
      incidents: [
        refusal((slot) => slot.destination === "a1" && slot.protocol !== "icmp", { fromS: FAULT_S }),
        unscrapeable("a1", { fromS: FAULT_S }),
      ],
      firing: { ...after([60, 240]), ...after(LONG, warning("AgentSilent", { node: "a1" })) },
    });
    scenario("an agent that could not open its port is impaired", {
      incidents: [
        refusal(towards("a1", "udp"), { fromS: FAULT_S }),
        {
          kind: "gauge",
          metric: "internode_protocol_available",
          value: 0,
          labels: (labels) => labels["source_node"] === "a1" && labels["protocol"] === "udp",
          ...within({ fromS: FAULT_S }),
        },
      ],
      firing: after(LONG, warning("AgentImpaired", { node: "a1", reason: "protocol" })),
    });
  });

  describe("no warning is", () => {
    scenario("a port that was closed from the very start", {
      incidents: [refusal(towards("b1", "tcp"), { fromS: -1 })],
      firing: after([0, 300, ...LONG]),
    });
    scenario("a refusal of two minutes, or one of ten seconds every minute", {
      incidents: [
        refusal(towards("b1", "tcp"), { fromS: FAULT_S, untilS: FAULT_S + 120 }),
        ...Array.from({ length: 15 }, (_, minute) =>
          refusal(towards("c1", "udp"), { fromS: FAULT_S + minute * 60, untilS: FAULT_S + minute * 60 + 10 }),
        ),
      ],
      firing: after([...QUARTERS, 720, 900]),
    });
    scenario("a refusal by a cordoned node", {
      kubeState: true,
      incidents: [cordon("b1", { fromS: 100 }), refusal(towards("b1", "tcp"), { fromS: FAULT_S })],
      firing: after([300, ...LONG]),
    });
    scenario("an error budget that a block between two zones would use up: it has its own warning", {
      scrapeS: 30,
      evaluationS: 30,
      incidents: [
        blocked((slot) => [slot.sourceZone, slot.destinationZone].sort().join() === "a,b" && slot.protocol === "udp", {
          fromS: FAULT_S + 295,
        }),
      ],
      firing: after([3600], tells("a", "b", "udp"), tells("b", "a", "udp")),
    });
  });
}
