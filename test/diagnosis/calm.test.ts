// What must open nothing, and what has opened must stay open until it is over.
import { describe, expect, test } from "vitest";
import type { Evidence } from "../../agent/diagnosis/evidence/evidence.ts";
import { Judge } from "../../agent/diagnosis/judge.ts";
import { runCalm, describe as said } from "./sim/trial.ts";
import { groupLoses, nodeLoses, pairLoses, pathLoses, type Fault } from "./sim/scenarios.ts";
import { makeWorld, type World } from "./sim/worlds.ts";

const MINUTE = 60;

/** Judges every ten seconds, and says what was open at any time. */
function watched(world: World, seconds: number, between: (second: number) => void, seenBy = (e: Evidence) => e) {
  const judge = new Judge();
  const open = new Set<string>();
  for (let second = 0; second < seconds; second += 10) {
    between(second);
    world.mesh.advance(10);
    for (const finding of judge.judge(seenBy(world.mesh.evidence())).findings) open.add(said(finding));
  }
  return [...open];
}

/** The pod is gone for `seconds`: no row, no answer on the pod network, and then another life. */
function restart({ mesh }: World, node: number, seconds: number): void {
  mesh.silentUntil.set(node, mesh.second + seconds + 5);
  mesh.startedAt[node] = mesh.second + seconds;
  const edges = mesh.directed((from, to) => (from === node) !== (to === node));
  mesh.sources.push({ edges, chance: () => 1, most: 1, network: "pod", begins: mesh.second, ends: mesh.second + 2 });
}

/** An older agent tells neither which seconds lost something nor its source ports. */
function halfOlder(evidence: Evidence): Evidence {
  return {
    ...evidence,
    paths: evidence.paths.map(({ ports: _ports, ...path }) => {
      const { lostSeconds } = path;
      if (!lostSeconds) return path;
      const isNew = (_: number, pair: number): number => (evidence.pairs.source[pair]! % 2 === 0 ? 1 : 0);
      return { ...path, lostSeconds: { ...lostSeconds, told: lostSeconds.told.map(isNew) } };
    }),
  };
}

test.each([
  ["a rollout, one agent after the other", (e: Evidence) => e],
  ["a rollout in which half of the agents are of an older version", halfOlder],
])("%s, opens no finding", (_, seenBy) => {
  const world = makeWorld({ kind: "tuning", nodes: 8, seed: 4 });
  const opened = watched(
    world,
    10 * MINUTE,
    (second) => {
      if (second % MINUTE === 0) restart(world, 1 + ((second / MINUTE) % 7), 3);
    },
    seenBy,
  );
  expect(opened).toEqual([]);
});

test("rows that do not come now and then open no finding", () => {
  const world = makeWorld({ kind: "tuning", nodes: 8, seed: 5 });
  const opened = watched(world, 10 * MINUTE, (second) =>
    world.mesh.silentUntil.set(1 + ((second / 10) % 7), world.mesh.second + 11),
  );
  expect(opened).toEqual([]);
});

test("single bursts, restarts and base loss open no finding", () => {
  expect(runCalm({ kind: "tuning", nodes: 12, seed: 1, minutes: 60 }).findings).toEqual([]);
});

const LASTING: readonly [string, Fault][] = [
  ["a node that loses 1 %", nodeLoses(0.01, "both ways")],
  ["a pair that loses 5 %", pairLoses(0.05, "both ways")],
  ["a hidden group that loses 2 %", groupLoses(0.02, "both ways")],
  ["one of two equal paths between two zones", pathLoses("zones", 2)],
];

describe.each(LASTING)("%s", (_, fault) => {
  test("opens one finding, which stays open while it lasts, closes once, and does not come back", () => {
    for (let seed = 1; seed <= 2; seed++) {
      const world = makeWorld({ kind: "tuning", nodes: 12, seed });
      const { mesh } = world;
      const judge = new Judge();
      for (let i = 0; i < 5; i++) {
        mesh.advance(60);
        judge.judge(mesh.evidence());
      }
      const ends = mesh.second + 8 * MINUTE;
      const { sources, truths } = fault(world, mesh.second);
      mesh.sources.push(...sources.map((source) => ({ ...source, ends })));
      const seen = [false];
      const ids = new Set<string>();
      while (mesh.second < ends + 20 * MINUTE) {
        mesh.advance(10);
        const right = judge
          .judge(mesh.evidence())
          .findings.filter((f) => truths.some(({ isRight, isAcceptable }) => isRight(f) || isAcceptable?.(f)));
        for (const { id } of right) ids.add(id);
        seen.push(right.length > 0);
      }
      const changes = seen.filter((isOpen, i) => i > 0 && isOpen !== seen[i - 1]).length;
      expect({ seed, changes, ids: ids.size, isOver: !seen.at(-1) }).toEqual({
        seed,
        changes: 2,
        ids: 1,
        isOver: true,
      });
    }
  });
});
