// One protocol of a node is dropped while what else was lost a moment before is still in the minute.
import { expect, test } from "vitest";
import { Judge } from "../../agent/diagnosis/judge.ts";
import type { Finding } from "../../agent/model/finding.ts";
import { SimMesh, type LossSource } from "./sim/mesh.ts";
import { tuningRandom } from "./sim/random.ts";

const EVERY_S = 5;
const VICTIM = 1;

interface Loss extends Pick<LossSource, "protocol"> {
  readonly ratio: number;
  readonly from: number;
  readonly until: number;
}

/** All that is told of the victim, of a mesh of six, by the second of each look. */
function toldOf(losses: readonly Loss[], seconds: number): { readonly after: number; readonly finding: Finding }[] {
  const nodes = Array.from("aabbcc", (zone, i) => ({ name: `node-${i + 1}`, zone }));
  const mesh = new SimMesh({ nodes, random: tuningRandom(5) });
  const begins = mesh.second;
  const edges = mesh.directed((from, to) => from === VICTIM || to === VICTIM);
  for (const { ratio, from, until, protocol } of losses)
    mesh.sources.push({
      edges,
      chance: () => ratio,
      most: ratio,
      begins: begins + from,
      ends: begins + until,
      ...(protocol && { protocol }),
    });
  const judge = new Judge();
  const told: { after: number; finding: Finding }[] = [];
  while (mesh.second < begins + seconds) {
    mesh.advance(EVERY_S);
    for (const finding of judge.judge(mesh.evidence()).findings)
      if (finding.subject.kind === "node" && finding.subject.node === "node-2")
        told.push({ after: mesh.second - begins, finding });
  }
  return told;
}

test("a node of which one protocol alone is lost is never told to be cut off", () => {
  // What was lost before leaves losses of the other protocols in the minute.
  const told = toldOf(
    [
      { ratio: 0.08, from: 60, until: 100 },
      { ratio: 1, protocol: "icmp", from: 125, until: 400 },
    ],
    300,
  ).filter(({ after }) => after > 130);
  expect(told.length).toBeGreaterThan(0);
  const causes = new Set(told.map(({ finding }) => finding.causes[0]!.kind));
  expect(causes).not.toContain("node-cut-off");
  expect(told.at(-1)!.finding).toMatchObject({ code: "IN-DROPPED", causes: [{ kind: "policy-drop" }] });
});

test("a protocol that is dropped some minutes after all of it was lost began when it was dropped", () => {
  const told = toldOf(
    [
      { ratio: 1, from: 60, until: 140 },
      { ratio: 1, protocol: "icmp", from: 300, until: 500 },
    ],
    420,
  );
  const before = told.findLast(({ after }) => after < 200)!.finding;
  const last = told.at(-1)!.finding;
  expect(told.some(({ after }) => after > 240 && after < 300)).toBe(false);
  expect((Date.parse(last.since) - Date.parse(before.since)) / 1_000).toBeGreaterThan(200);
  expect(last.id).not.toBe(before.id);
});
