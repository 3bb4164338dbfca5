// The judge on whole meshes: the frozen document, and simulated ones with one fault each. A few trials only.
import { describe, expect, test } from "vitest";
import { evidenceFromSnapshot } from "../../agent/diagnosis/evidence/from-snapshot.ts";
import { Judge } from "../../agent/diagnosis/judge.ts";
import { likeliest } from "../../agent/diagnosis/locate/direction.ts";
import { poissonTail } from "../../agent/diagnosis/track/silence.ts";
import { NETWORK_CHECKS, type Verdict } from "../../agent/model/finding.ts";
import type { Row, Snapshot } from "../../agent/model/snapshot.ts";
import { goldenSnapshot } from "../api/golden.ts";
import { sampleSnapshot } from "../support/sample-mesh.ts";
import { groupLoses, nodeLoses, pairLoses, zonePairLoses, type Fault } from "./sim/scenarios.ts";
import { runTrial } from "./sim/trial.ts";

type Known = Parameters<typeof evidenceFromSnapshot>[1];

/** The same document again and again, ten seconds apart. */
function judged(snapshot: Snapshot, times: number, judge = new Judge(), from = 0, known?: Known): Verdict {
  let verdict: Verdict | undefined;
  for (let i = 0; i < times; i++) {
    const ms = Date.parse(snapshot.at) + (from + i) * 10_000;
    const at = new Date(ms).toISOString();
    verdict = judge.judge(
      evidenceFromSnapshot({ ...snapshot, at, rows: snapshot.rows.map((row) => ({ ...row, at })) }, known),
    );
  }
  return verdict!;
}

const named = ({ findings }: Verdict): string[] =>
  findings.map(({ code, subject }) => `${code} ${JSON.stringify(Object.values(subject).slice(1))}`).sort();

test("of the frozen document it names the dead node, the closed port, the large packets that vanish and the lossy pair", () => {
  const verdict = judged(goldenSnapshot(), 3);
  expect(verdict.state).toBe("broken");
  expect(named(verdict)).toContain('IN-NODE-DOWN ["node-6"]');
  expect(named(verdict).some((name) => name.startsWith("IN-PATH-MTU"))).toBe(true);
  expect(named(verdict).some((name) => name.startsWith("IN-REJECTED"))).toBe(true);
  for (const finding of verdict.findings) {
    expect(finding.causes.length).toBeGreaterThan(0);
    expect(finding.next).not.toBe("");
    expect(finding.text).toMatch(/^[A-Z].*\.$/);
  }
});

test("nothing is wrong is an answer, with all four checks of Kubernetes' network model", () => {
  const verdict = judged(sampleSnapshot({ nodes: 4, zones: 2 }), 3);
  expect(verdict).toMatchObject({ state: "fine", findings: [] });
  expect(verdict.text).toMatch(/^Nothing is wrong/);
  expect(verdict.checks.map(({ name }) => name)).toEqual([...NETWORK_CHECKS]);
  expect(verdict.checks.map(({ state }) => state)).toEqual(["holds", "unknown", "unknown", "holds"]);
});

test.each([
  ["an agent that has just begun to listen refused probes before: nothing is wrong", 20, []],
  ["an agent that listens since long refuses probes: its port is closed", 3_600, ["IN-REJECTED"]],
])("%s", (_, upSeconds, codes) => {
  const snapshot = sampleSnapshot({ nodes: 4, zones: 2 });
  const [asked, restarted] = snapshot.rows.map(({ source }) => source.name);
  const rows = snapshot.rows.map((row): Row => {
    if (row.source.name === restarted)
      return { ...row, startedAt: new Date(Date.parse(snapshot.at) - upSeconds * 1_000).toISOString() };
    if (row.source.name !== asked) return row;
    const pairs = row.pairs.map((pair) =>
      pair.destination.name === restarted && pair.protocol === "tcp"
        ? { ...pair, window: { ...pair.window, refusals: pair.window.probes } }
        : pair,
    );
    return { ...row, pairs };
  });
  const verdict = judged({ ...snapshot, rows }, 3);
  expect(verdict.findings.map(({ code }) => code)).toEqual(codes);
});

describe("the service path", () => {
  const service = (probes: number, failures: number) => ({
    paths: [
      {
        service: "agents",
        family: "ipv4" as const,
        address: "10.96.0.7",
        probes,
        failures,
        reasons: { timeout: failures },
        retransmits: 0,
        rttMeanNs: undefined,
      },
    ],
    unresolved: [],
  });
  const of = (mesh: Snapshot, failures: (node: string) => number): Snapshot => ({
    ...mesh,
    rows: mesh.rows.map((row) => ({ ...row, servicePath: service(12, failures(row.source.name)) })),
  });

  test("that fails from one node is that node's, from all of them the mesh's", () => {
    const mesh = sampleSnapshot({ nodes: 6, zones: 3 });
    expect(
      named(
        judged(
          of(mesh, (node) => (node === "node-2" ? 12 : 0)),
          4,
        ),
      ),
    ).toEqual(['IN-SERVICE-PATH ["node-2"]']);
    expect(
      named(
        judged(
          of(mesh, () => 6),
          4,
        ),
      ),
    ).toEqual(["IN-SERVICE-PATH []"]);
  });

  test("that leads to a dead node one time in six is that node's alone", () => {
    const mesh = sampleSnapshot({ nodes: 6, zones: 3, dead: { "node-6": "no answer" } });
    expect(
      named(
        judged(
          of(mesh, () => 4),
          4,
        ),
      ),
    ).toEqual(['IN-NODE-DOWN ["node-6"]']);
  });
});

test("between two nodes it cannot be told which of them, and it says so", () => {
  const verdict = judged(
    sampleSnapshot({ nodes: 2, zones: 1, loss: [{ from: "node-1", to: "node-2", ratio: 0.3 }] }),
    4,
  );
  expect(named(verdict)).toEqual(['IN-BETWEEN [["node-1","node-2"]]']);
});

test("a pair whose end nobody else tells of is not called fine with all others", () => {
  const mesh = sampleSnapshot({ nodes: 4, zones: 1, dead: { "node-4": "no answer" } });
  const [first, ...rest] = mesh.rows;
  const missing = [...mesh.missing, ...rest.map(({ source }) => ({ node: source, reason: "no answer" }))];
  expect(
    named(judged({ ...mesh, rows: [first!], missing }, 4)).filter((said) => !said.startsWith("IN-UNSEEN")),
  ).toEqual(['IN-BETWEEN [["node-1","node-4"]]']);
});

test.each([3, 4, 5, 6])(
  "of %d nodes in two zones, one of which has a single node, that node is found dead",
  (nodes) => {
    const zones = Array.from({ length: nodes }, (_, i) => (i === nodes - 1 ? "zone-b" : "zone-a"));
    const mesh = sampleSnapshot({ nodes, zones: 1, dead: { [`node-${nodes}`]: "no answer" } });
    const zoned = JSON.parse(
      JSON.stringify(mesh).replaceAll(/\{"name":"node-(\d+)","zone":"[^"]*"\}/g, (_, i: string) =>
        JSON.stringify({ name: `node-${i}`, zone: zones[Number(i) - 1] }),
      ),
    ) as Snapshot;
    expect(named(judged(zoned, 3))).toEqual([`IN-NODE-DOWN ["node-${nodes}"]`]);
  },
);

describe("a node that has lost everybody for two minutes is", () => {
  const mesh = sampleSnapshot({ nodes: 6, zones: 2, dead: { "node-6": "no answer" } });
  const firstCause = (serving: boolean | undefined, snapshot = mesh): string => {
    const { findings } = judged(
      snapshot,
      16,
      new Judge(),
      0,
      new Map([["node-6", serving === undefined ? {} : { serving }]]),
    );
    expect(findings.map(({ code }) => code)).toEqual(["IN-NODE-DOWN"]);
    return findings[0]!.causes[0]!.kind;
  };

  test("cut off, where discovery goes on calling its agent ready: then its kubelet reports", () => {
    expect(firstCause(true)).toBe("node-cut-off");
  });

  test("dead, where discovery says otherwise, knows nothing of readiness, or was not heard since", () => {
    expect(firstCause(false)).toBe("node-dead");
    expect(firstCause(undefined)).toBe("node-dead");
    const deaf = mesh.rows.map((row) => ({ ...row, health: { ...row.health, discoveryAgeSeconds: 150 } }));
    expect(firstCause(true, { ...mesh, rows: deaf })).toBe("node-dead");
  });
});

test("a pair whose pods lose each other altogether, and one order of whose nodes does, is cut on the pod network", () => {
  const loss = [
    { from: "node-2", to: "node-3", ratio: 1 },
    { from: "node-3", to: "node-2", ratio: 1 },
  ];
  const fine = sampleSnapshot({ nodes: 4, zones: 1 });
  const cut = sampleSnapshot({ nodes: 4, zones: 1, loss });
  const isOfNodes = ({ network, destination }: Row["pairs"][number]): boolean =>
    network === "node" && destination.name === "node-3";
  // node-2 has no route to the pods of node-3: it reaches node-3 itself, and its answers to pods there are lost.
  const rows = cut.rows.map((row, i) =>
    row.source.name === "node-2"
      ? { ...row, pairs: row.pairs.map((pair) => (isOfNodes(pair) ? fine.rows[i]!.pairs.find(isOfNodes)! : pair)) }
      : row,
  );
  expect(judged({ ...cut, rows }, 3).findings).toMatchObject([
    {
      code: "IN-PAIR-CUT",
      subject: { nodes: ["node-2", "node-3"] },
      scope: { network: "pod" },
      figures: { loss: 1 },
      causes: [{ kind: "stale-entry" }, { kind: "pair-path" }],
    },
  ]);
});

test("a judge that has just begun tells the loss there is, not more", () => {
  const mesh = sampleSnapshot({ nodes: 9, zones: 3, loss: [{ from: "node-2", to: "node-4", ratio: 0.2 }] });
  for (const times of [1, 2, 3]) {
    const [finding] = judged(mesh, times, new Judge({ seenBeforeSeconds: 30 })).findings;
    expect(finding).toMatchObject({ code: "IN-PAIR-LOSS" });
    expect(finding!.figures.loss).toBeGreaterThan(0.1);
    expect(finding!.figures.loss).toBeLessThan(0.35);
  }
});

test("an agent whose row one relay alone gives is not called down, one whose row nobody gives is", () => {
  const mesh = sampleSnapshot({ nodes: 5, zones: 1 });
  const [one] = mesh.rows;
  const without = (missing: Snapshot["missing"][number]) => ({ ...mesh, rows: mesh.rows.slice(1), missing: [missing] });
  const reason = "it came by way of node-2 alone";
  expect(named(judged(without({ node: one!.source, reason, hearsay: one! }), 12))).toEqual([]);
  expect(named(judged(without({ node: one!.source, reason: "no answer" }), 12))).toEqual(['IN-AGENT-DOWN ["node-1"]']);
});

test("with most rows missing it cannot be decided, and fine is not claimed", () => {
  const mesh = sampleSnapshot({ nodes: 6, zones: 1 });
  const missing = mesh.nodes.slice(1).map((node) => ({ node, reason: "no answer" }));
  expect(judged({ ...mesh, rows: mesh.rows.slice(0, 1), missing }, 3)).toMatchObject({ state: "undecided" });
});

test("a finding keeps its id while it lasts, ends when it is over, and comes back as the same", () => {
  const bad = sampleSnapshot({ nodes: 6, zones: 1, dead: { "node-6": "no answer" } });
  const good = sampleSnapshot({ nodes: 6, zones: 1 });
  const judge = new Judge();
  judged(good, 6, judge);
  const first = judged(bad, 6, judge, 6).findings.find(({ code }) => code === "IN-NODE-DOWN")!;
  const later = judged(bad, 6, judge, 12).findings.find(({ code }) => code === "IN-NODE-DOWN")!;
  expect(later).toMatchObject({ id: first.id, since: first.since });
  judged(good, 40, judge, 18);
  expect(judge.ended.map(({ id }) => id)).toContain(first.id);
  const again = judged(bad, 6, judge, 58).findings.find(({ code }) => code === "IN-NODE-DOWN");
  expect(again?.id).toBe(first.id);
});

test("a judge that takes over keeps the findings of the one before", () => {
  const bad = sampleSnapshot({ nodes: 6, zones: 1, dead: { "node-6": "no answer" } });
  const before = judged(bad, 6).findings;
  const next = new Judge();
  next.adopt(before, Date.parse(bad.at) / 1000 + 60);
  expect(judged(bad, 1, next, 6).findings.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
});

test("a direction is claimed at odds of 20 : 1 only", () => {
  expect(likeliest(3, 0)).toBeUndefined();
  expect(likeliest(8, 0)).toBe("out");
  expect(likeliest(0, 8)).toBe("in");
  expect(likeliest(6, 6)).toBe("both");
});

test("the chance of few losses is that of a Poisson count", () => {
  expect(poissonTail(0, 7)).toBeCloseTo(Math.exp(-7), 10);
  expect(poissonTail(2, 1)).toBeCloseTo(2.5 * Math.exp(-1), 10);
  expect(poissonTail(0, 0)).toBe(1);
});

test("also where thousands are lost: by the normal distribution, as far as it goes", () => {
  expect(poissonTail(10_000, 10_000)).toBeCloseTo(0.5027, 3);
  expect(poissonTail(9_900, 10_000)).toBeCloseTo(0.16, 2);
  expect(poissonTail(1_300, 820)).toBeCloseTo(1, 10);
  expect(poissonTail(100, 5_000)).toBeLessThan(1e-9);
});

const FAULTS: readonly [string, Fault, number, number][] = [
  ["a node of 12 that loses 1 % on the way out", nodeLoses(0.01, "one way"), 12, 60],
  ["a hidden group of 12 nodes that loses 1 %", groupLoses(0.01, "both ways"), 12, 60],
  ["two zones of 12 nodes that lose 1 % of each other", zonePairLoses(0.01, "both ways"), 12, 60],
  ["a pair of 12 nodes that loses 5 %", pairLoses(0.05, "both ways"), 12, 60],
  ["a node of 5 that loses 1 %", nodeLoses(0.01, "one way"), 5, 180],
];

describe.each(FAULTS)("%s", (_, fault, nodes, withinSeconds) => {
  test(`is found within ${withinSeconds} s of the first lost packet, and nobody else is blamed`, () => {
    for (let seed = 1; seed <= 5; seed++) {
      const result = runTrial({ kind: "tuning", nodes, seed, fault, withinSeconds });
      expect(result, `seed ${seed}`).toMatchObject({ isFound: true, wrong: [] });
    }
  });
});
