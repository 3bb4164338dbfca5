import { expect, test } from "vitest";
import { inSlices } from "../../agent/base/slices.ts";
import type { Evidence } from "../../agent/diagnosis/evidence/evidence.ts";
import { Judge } from "../../agent/diagnosis/judge.ts";
import { nodeAndGroup, pathLoses } from "./sim/scenarios.ts";
import { makeWorld } from "./sim/worlds.ts";

test("in slices a judge comes to the same verdicts as at once", async () => {
  const world = makeWorld({ kind: "tuning", nodes: 12, seed: 3 });
  const { mesh } = world;
  const [atOnce, inSlices] = [new Judge(), new Judge()];
  for (let i = 0; i < 12; i++) {
    if (i === 4) mesh.sources.push(...nodeAndGroup(world, mesh.second).sources);
    mesh.advance(10);
    const evidence = mesh.evidence();
    expect(await inSlices.judgeInSlices(evidence)).toEqual(atOnce.judge(evidence));
  }
  expect(atOnce.judge(mesh.evidence()).findings.length).toBeGreaterThan(0);
});

test("a judgement gives way after every step, however many there are", async () => {
  const world = makeWorld({ kind: "tuning", nodes: 30, seed: 3 });
  const { mesh } = world;
  const judge = new Judge();
  mesh.advance(60);
  const calm = [...judge.steps(mesh.evidence())].length;
  mesh.sources.push(...pathLoses("rack", 4)(world, mesh.second).sources);
  mesh.advance(30);
  const withFault = [...judge.steps(mesh.evidence())].length;
  expect(calm).toBeGreaterThan(50);
  expect(withFault).toBeGreaterThan(calm);
});

test("a mesh that is another one than before is taken over and laid out in steps as well", () => {
  const { mesh } = makeWorld({ kind: "tuning", nodes: 60, seed: 3 });
  const judge = new Judge();
  const stepsOf = (evidence: Evidence): number => [...judge.steps(evidence)].length;
  mesh.advance(60);
  stepsOf(mesh.evidence());
  mesh.advance(10);
  const same = stepsOf(mesh.evidence());
  mesh.advance(10);
  const evidence = mesh.evidence();
  const { count, source, destination } = evidence.pairs;
  const others = { count, source: source.toReversed(), destination: destination.toReversed() };
  // Once for the pairs, once for what each of four paths remembers, and more for the graph.
  expect(stepsOf({ ...evidence, pairs: others }) - same).toBeGreaterThan(10);
});

test("what runs in slices takes no turn of the event loop that others have begun, and gives way after each slice", async () => {
  let turns = 0;
  const turn = (): void => {
    turns++;
    timer = setImmediate(turn);
  };
  let timer = setImmediate(turn);
  const begun: number[] = [];
  const steps = function* (): Generator<void, string, void> {
    for (let i = 0; i < 3; i++) {
      begun.push(turns);
      yield;
    }
    return "done";
  };
  expect(await inSlices(steps(), 0)).toBe("done");
  clearImmediate(timer);
  expect(begun).toEqual([1, 2, 3]);
});

test("where some of a group's paths are bad and one of its pairs is noisy besides, it goes on judging", () => {
  for (let seed = 1; seed <= 2; seed++) {
    const world = makeWorld({ kind: "proof", nodes: 12, seed });
    const { mesh } = world;
    const judge = new Judge();
    mesh.advance(60);
    mesh.sources.push(
      ...pathLoses("zones", 4)(world, mesh.second).sources,
      ...nodeAndGroup(world, mesh.second).sources,
    );
    for (let i = 0; i < 8; i++) {
      mesh.advance(10);
      expect(judge.judge(mesh.evidence()).state).not.toBe("undecided");
    }
  }
});
