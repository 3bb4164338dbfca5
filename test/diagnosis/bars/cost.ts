// What a judgement costs, without fetching and decoding: CPU, its longest step (nothing else runs meanwhile), memory.
import { Judge } from "../../../agent/diagnosis/judge.ts";
import type { Verdict } from "../../../agent/model/finding.ts";
import { groupLoses } from "../sim/scenarios.ts";
import { makeWorld } from "../sim/worlds.ts";
import { table, type Table } from "./table.ts";

const BARS = [
  { nodes: 100, cpuMs: 150, memoryMb: 30 },
  { nodes: 1000, cpuMs: 500, memoryMb: 60 },
] as const;
const MOST_STEP_MS = 10;
const CALM = 12;
const WITH_FAULT = 12;

export function costTable(): Table {
  const rows = BARS.map(({ nodes, cpuMs, memoryMb }) => {
    const cost = costOf(nodes);
    return { nodes, ...cost, isMet: cost.p50 <= cpuMs && cost.longest <= MOST_STEP_MS && cost.memoryMb <= memoryMb };
  });
  const text = table(
    ["nodes", "CPU ms p50 / max", "longest step p50 / max, ms", "memory MB", "met"],
    rows.map((r) => [
      `${r.nodes}`,
      `${r.p50.toFixed(0)} / ${r.most.toFixed(0)}`,
      `${r.longest.toFixed(1)} / ${r.longestMost.toFixed(1)}`,
      r.memoryMb.toFixed(0),
      r.isMet ? "yes" : "NO",
    ]),
  );
  return { text, isMet: rows.every(({ isMet }) => isMet) };
}

function costOf(nodes: number) {
  const world = makeWorld({ kind: "proof", nodes, seed: 1 });
  const { mesh } = world;
  mesh.advance(60);
  globalThis.gc?.();
  const before = memoryMb();
  const judge = new Judge();
  const costs: { readonly cpuMs: number; readonly longestMs: number }[] = [];
  for (let i = 0; i < CALM + WITH_FAULT; i++) {
    if (i === CALM) mesh.sources.push(...groupLoses(0.02, "both ways")(world, mesh.second).sources);
    mesh.advance(10);
    costs.push(costOfOne(judge, mesh.evidence()));
  }
  globalThis.gc?.();
  // The first is slow because nothing is compiled yet.
  const cpu = costs.slice(2).map(({ cpuMs }) => cpuMs);
  const longest = costs.slice(2).map(({ longestMs }) => longestMs);
  return {
    p50: median(cpu),
    most: Math.max(...cpu),
    longest: median(longest),
    longestMost: Math.max(...longest),
    memoryMb: memoryMb() - before,
  };
}

function costOfOne(judge: Judge, evidence: Parameters<Judge["steps"]>[0]) {
  const steps = judge.steps(evidence);
  let [cpuMs, longestMs, isDone]: [number, number, boolean] = [0, 0, false];
  while (!isDone) {
    const from = process.cpuUsage();
    const step: IteratorResult<void, Verdict> = steps.next();
    const { user, system } = process.cpuUsage(from);
    const ms = (user + system) / 1000;
    cpuMs += ms;
    longestMs = Math.max(longestMs, ms);
    isDone = step.done === true;
  }
  return { cpuMs, longestMs };
}

function memoryMb(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 1e6;
}

const median = (of: readonly number[]): number => [...of].sort((a, b) => a - b)[Math.floor(of.length / 2)]!;
