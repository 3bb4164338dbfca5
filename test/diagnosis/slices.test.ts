import { expect, test } from "vitest";
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
