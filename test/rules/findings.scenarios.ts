// What the judges have found: told once, and only where no counter alert names it.
import { describe } from "vitest";
import { after, FAULT_S, QUARTERS, type Declare } from "./check.ts";
import { cordon, dead, loss, touching, unscrapeable, within, type Incident } from "./incident.ts";
import { critical, warning } from "./promtool.ts";

interface Found {
  readonly code: string;
  readonly subject: string;
  readonly judges?: readonly string[];
  readonly fromS?: number;
  readonly untilS?: number;
}

/** Both judges say so. */
const found = ({ code, subject, judges = ["a1", "b1"], fromS = FAULT_S, ...until }: Found): readonly Incident[] =>
  judges.map((judge) => ({ kind: "finding", judge, code, subject, ...within({ fromS, ...until }) }));
const told = (code: string, subject: string) => warning("Finding", { code, subject });
const GROUP_TEXT =
  "group:3f2a9c01: Several nodes lose packets together. Everything that crosses the border of this group. (IN-GROUP-LOSS, 99% sure). The page and internode matrix name the members of a group, the causes, and what to run next.";
const GRAY = { code: "IN-NODE-LOSS", subject: "c2" };

export function findings(scenario: Declare): void {
  describe("a finding", () => {
    scenario("of thin loss that no counter alert sees is one warning, though two judges say it, as long as it lasts", {
      weight: "heart",
      incidents: [loss(touching("c2"), { fromS: FAULT_S, share: 0.01 }), found({ ...GRAY, untilS: FAULT_S + 900 })],
      firing: {
        ...after([60, 120, 240]),
        ...after([330, 600, 900], told("IN-NODE-LOSS", "c2")),
        ...after([1320]),
      },
    });
    scenario("that outlives the page for its node is no second notification", {
      incidents: [
        loss(touching("c2"), { fromS: FAULT_S, untilS: FAULT_S + 900 }),
        found({ code: "IN-NODE-DOWN", subject: "c2", untilS: FAULT_S + 1_700 }),
      ],
      firing: {
        ...after([300, 600, 900], critical("NodeDegraded", { node: "c2" })),
        ...after([1_260, 1_500, 1_680]),
      },
    });
    scenario("of a group of nodes is a warning", {
      incidents: [found({ code: "IN-GROUP-LOSS", subject: "group:3f2a9c01" })],
      firing: { ...after([240]), ...after([330, 600], told("IN-GROUP-LOSS", "group:3f2a9c01")) },
    });
    scenario("of a pair is a warning", {
      incidents: [found({ code: "IN-PAIR-LOSS", subject: "a1,c2" })],
      firing: after([330, 600], told("IN-PAIR-LOSS", "a1,c2")),
    });
    scenario("goes on while one judge hands over to another", {
      incidents: [
        found({ ...GRAY, judges: ["a1"], untilS: FAULT_S + 600 }),
        found({ ...GRAY, judges: ["b2"], fromS: FAULT_S + 610 }),
        unscrapeable("a1", { fromS: FAULT_S + 600, untilS: FAULT_S + 660 }),
      ],
      firing: after([330, 600, 645, 900], told("IN-NODE-LOSS", "c2")),
    });
    scenario("of two clusters is one of each", {
      cluster: "east",
      others: [{ cluster: "west" }],
      incidents: [found(GRAY)],
      firing: after([330], warning("Finding", { cluster: "east", code: "IN-NODE-LOSS", subject: "c2" })),
    });
    scenario("is told with the words of the catalogue", {
      incidents: [found({ code: "IN-GROUP-LOSS", subject: "group:3f2a9c01" })],
      firing: after([600], told("IN-GROUP-LOSS", "group:3f2a9c01")),
      described: [
        {
          atS: FAULT_S + 595,
          alert: told("IN-GROUP-LOSS", "group:3f2a9c01"),
          summary: "The judge has found what no other alert names.",
          dashboard: "/d/internode-mesh?var-cluster=",
          description: GROUP_TEXT,
        },
      ],
    });
  });

  describe("a finding tells nobody", () => {
    scenario("of a node that is dead: that is the node's page alone", {
      incidents: [dead("c2", { fromS: FAULT_S }), found({ code: "IN-NODE-DOWN", subject: "c2", fromS: FAULT_S + 20 })],
      firing: after([330, 600, 900], critical("NodeDegraded", { node: "c2" })),
    });
    scenario("of a pair that is degraded for the counters too", {
      incidents: [
        loss((slot) => touching("a1")(slot) && touching("c2")(slot), { fromS: FAULT_S, share: 0.3 }),
        found({ code: "IN-PAIR-LOSS", subject: "a1,c2", fromS: FAULT_S + 20 }),
      ],
      firing: after(
        [600, 900],
        warning("PairsDegraded", { source_zone: "a", destination_zone: "c" }),
        warning("PairsDegraded", { source_zone: "c", destination_zone: "a" }),
      ),
    });
    scenario("of a node that is cordoned", {
      kubeState: true,
      incidents: [cordon("c2", { fromS: 100 }), found(GRAY)],
      firing: after([330, 600]),
    });
    scenario("of an agent, which has an alert of its own", {
      incidents: [found({ code: "IN-AGENT-DOWN", subject: "c2" }), found({ code: "IN-DNS", subject: "c2" })],
      firing: after([330, 600]),
    });
    scenario("when it is over before five minutes have passed", {
      incidents: [found({ ...GRAY, untilS: FAULT_S + 200 })],
      firing: after(QUARTERS),
    });
  });

  describe("a lying judge", () => {
    scenario("can raise findings, and changes no counter alert", {
      incidents: [
        dead("c2", { fromS: FAULT_S }),
        found({ code: "IN-MESH-LOSS", subject: "mesh", judges: ["a1"], fromS: 100 }),
        found({ code: "IN-NODE-LOSS", subject: "b2", judges: ["a1"], fromS: 100 }),
      ],
      firing: { ...after([330, 600], critical("NodeDegraded", { node: "c2" }), told("IN-NODE-LOSS", "b2")) },
    });
  });
}
