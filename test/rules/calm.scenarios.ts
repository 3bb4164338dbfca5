// Everyday events of a cluster that must page nobody.
import { describe } from "vitest";
import { after, FAULT_S, QUARTERS, SIX_NODES, THREE_ZONES, type Declare } from "./check.ts";
import { cordon, dead, loss, refusal, restart, touching, unscrapeable, within } from "./incident.ts";
import { KUBE_STATE_METRICS } from "./history.ts";
import { nodesOf } from "./mesh.ts";
import { critical } from "./promtool.ts";

const rollout = nodesOf(SIX_NODES).map(({ name }, index) =>
  restart(name, { fromS: FAULT_S + index * 75, untilS: FAULT_S + index * 75 + 60 }),
);

export function calm(scenario: Declare): void {
  describe("nobody is paged by", () => {
    scenario("an agent's restart of 60 s", {
      weight: "heart",
      incidents: [restart("a1", { fromS: FAULT_S, untilS: FAULT_S + 60 })],
      firing: after(QUARTERS),
    });
    scenario("a rolling update of the whole DaemonSet", { incidents: rollout, firing: after(QUARTERS) });
    scenario("a rolling update where every restart takes 60 s and two overlap", {
      mesh: THREE_ZONES,
      incidents: nodesOf(THREE_ZONES).map(({ name }, index) =>
        restart(name, { fromS: FAULT_S + index * 40, untilS: FAULT_S + index * 40 + 60 }),
      ),
      firing: after([...QUARTERS, 660, 720]),
    });
    scenario("a burst of 60 s that takes a whole node", {
      incidents: [loss(touching("a1"), { fromS: FAULT_S, untilS: FAULT_S + 60 })],
      firing: after(QUARTERS),
    });
    scenario("a burst of 60 s that takes everything", {
      incidents: [loss(() => true, { fromS: FAULT_S, untilS: FAULT_S + 60 })],
      firing: after(QUARTERS),
    });
    scenario("a burst of 60 s between two scrapes, as one agent alone sees it in its last minute", {
      // FAULT_S lies between scrapes; from one scrape to another the trailing minute holds nothing but the burst.
      incidents: [
        loss((slot) => slot.source === "a1", {
          fromS: 15 * Math.ceil(FAULT_S / 15),
          untilS: 15 * Math.ceil(FAULT_S / 15) + 60,
        }),
      ],
      firing: after(QUARTERS),
    });
    scenario("a burst of 60 s that takes one link, a pair of zones and the pod network, one after the other", {
      mesh: THREE_ZONES,
      incidents: [
        loss((slot) => touching("a1")(slot) && touching("b1")(slot), { fromS: FAULT_S, untilS: FAULT_S + 60 }),
        loss((slot) => [slot.sourceZone, slot.destinationZone].sort().join() === "a,b", {
          fromS: FAULT_S + 420,
          untilS: FAULT_S + 480,
        }),
        loss((slot) => slot.network === "pod", { fromS: FAULT_S + 840, untilS: FAULT_S + 900 }),
      ],
      firing: after([0, 420, 840].flatMap((shift) => QUARTERS.map((second) => second + shift))),
    });
    scenario("a target that Prometheus loses for two minutes", {
      incidents: [unscrapeable("a1", { fromS: FAULT_S, untilS: FAULT_S + 120 })],
      firing: after(QUARTERS),
    });
    scenario("a cordon alone", {
      kubeState: true,
      incidents: [cordon("a1", { fromS: FAULT_S })],
      firing: after(QUARTERS),
    });
    scenario("a drained machine that is switched off and comes back", {
      kubeState: true,
      incidents: [
        cordon("a1", { fromS: 200, untilS: FAULT_S + 400 }),
        dead("a1", { fromS: FAULT_S, untilS: FAULT_S + 300 }),
      ],
      firing: after(QUARTERS),
    });
    scenario("a drained machine that is off while kube-state-metrics, drained with it, is away for two minutes", {
      kubeState: true,
      incidents: [
        cordon("a1", { fromS: 200 }),
        dead("a1", { fromS: FAULT_S }),
        unscrapeable(KUBE_STATE_METRICS, { fromS: FAULT_S + 300, untilS: FAULT_S + 420 }),
      ],
      firing: after(QUARTERS),
    });
    scenario("two rolling updates, one right after the other", {
      incidents: [
        ...rollout,
        ...nodesOf(SIX_NODES).map(({ name }, index) =>
          restart(name, { fromS: FAULT_S + 450 + index * 75, untilS: FAULT_S + 510 + index * 75 }),
        ),
      ],
      firing: after([...QUARTERS, 660, 720, 780, 840, 900, 960, 1020, 1080]),
    });
    scenario("a fresh install, whose agents come one after the other", {
      kubeState: true,
      incidents: [
        ...nodesOf(SIX_NODES).map(({ name }, index) => ({
          kind: "member" as const,
          node: name,
          ...within({ fromS: 10 + index * 20 }),
        })),
        {
          kind: "gauge",
          metric: "kube_daemonset_status_desired_number_scheduled",
          labels: () => true,
          value: 6,
          ...within({ fromS: -1 }),
        },
      ],
      firing: after(QUARTERS.map((second) => second - 300)),
    });
    scenario("a new node whose routes take a minute", {
      incidents: [
        { kind: "member", node: "c2", ...within({ fromS: FAULT_S }) },
        loss(touching("c2"), { fromS: FAULT_S, untilS: FAULT_S + 60 }),
      ],
      firing: after(QUARTERS),
    });
    scenario("a mesh that doubles, every new node slow to get its routes", {
      incidents: ["a2", "b2", "c2"].flatMap((node) => [
        { kind: "member" as const, node, ...within({ fromS: FAULT_S }) },
        loss(touching(node), { fromS: FAULT_S, untilS: FAULT_S + 60 }),
      ]),
      firing: after(QUARTERS),
    });
    scenario("a scale-down whose nodes are gone half a minute before the mesh knows", {
      incidents: ["b2", "c2"].flatMap((node) =>
        [{ kind: "member" as const, node, fromS: 0, untilS: FAULT_S + 30 }, dead(node, { fromS: FAULT_S })].flat(),
      ),
      firing: after(QUARTERS),
    });
    scenario("a Prometheus that is away for two minutes", {
      incidents: [{ kind: "prometheus-down", fromS: FAULT_S, untilS: FAULT_S + 120 }],
      firing: after(QUARTERS),
    });
    scenario("agents on the host network that restart: TCP and UDP are refused there, which proves the path", {
      mesh: { ...SIX_NODES, hostPort: true },
      incidents: [0, 120, 240].flatMap((shift) => [
        refusal((slot) => slot.destination === "a1" && slot.protocol !== "icmp", {
          fromS: FAULT_S + shift,
          untilS: FAULT_S + shift + 60,
        }),
        unscrapeable("a1", { fromS: FAULT_S + shift, untilS: FAULT_S + shift + 60 }),
      ]),
      firing: after(QUARTERS),
    });
  });

  describe("the other Prometheus of a pair, which scrapes and evaluates at other moments,", () => {
    // To a server whose moments come later, the same fault comes earlier.
    for (const lead of [1, 9, 14]) {
      scenario(`pages for the dead node as its twin does, ${lead} s after a scrape`, {
        incidents: [dead("a1", { fromS: FAULT_S - 5 + lead })],
        firing: { ...after([60]), ...after([90, 105, 300, 600], critical("NodeDegraded", { node: "a1" })) },
      });
      scenario(`is as calm as its twin in a restart, a burst and an absence, ${lead} s after a scrape`, {
        incidents: [
          restart("a1", { fromS: FAULT_S - 5 + lead, untilS: FAULT_S + 55 + lead }),
          loss(() => true, { fromS: FAULT_S + 415 + lead, untilS: FAULT_S + 475 + lead }),
          { kind: "prometheus-down", fromS: FAULT_S + 835 + lead, untilS: FAULT_S + 955 + lead },
        ],
        firing: after([0, 420, 840].flatMap((shift) => QUARTERS.map((second) => second + shift))),
      });
    }
  });

  describe("and yet", () => {
    scenario("a node that dies while Prometheus is away is paged when it is back", {
      incidents: [
        { kind: "prometheus-down", fromS: FAULT_S, untilS: FAULT_S + 120 },
        dead("a1", { fromS: FAULT_S + 20 }),
      ],
      firing: { ...after([60, 120]), ...after([240, 600], critical("NodeDegraded", { node: "a1" })) },
    });
    scenario("a node that dies in the middle of a rolling update is paged, alone", {
      mesh: THREE_ZONES,
      incidents: [
        ...nodesOf(THREE_ZONES)
          .filter(({ name }) => name !== "c3")
          .map(({ name }, index) =>
            restart(name, { fromS: FAULT_S + index * 75 - 150, untilS: FAULT_S + index * 75 - 90 }),
          ),
        dead("c3", { fromS: FAULT_S }),
      ],
      firing: { ...after([-60, 0, 60]), ...after([90, 180, 300, 420, 600], critical("NodeDegraded", { node: "c3" })) },
    });
  });
}
