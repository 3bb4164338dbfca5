// What a judge remembers of rows, second by second.
import { expect, test } from "vitest";
import { atOnce } from "../../../agent/base/slices.ts";
import { pathName, type Evidence } from "../../../agent/diagnosis/evidence/evidence.ts";
import { History } from "../../../agent/diagnosis/evidence/history.ts";
import { countBits, ringMask } from "../../../agent/diagnosis/evidence/ring.ts";
import { SimMesh } from "../sim/mesh.ts";
import { tuningRandom } from "../sim/random.ts";

const NODES = ["a", "b", "c"].map((name) => ({ name, zone: "" }));
const PAIR = 1;

/** Of one pair's first path: lost so many seconds before the row was told. */
function losing(evidence: Evidence, ...ages: readonly number[]): Evidence {
  const [path, ...rest] = evidence.paths;
  const bits = path!.lostSeconds!.bits.slice();
  for (const age of ages) bits[2 * PAIR + ((59 - age) >>> 5)]! |= 1 << ((59 - age) & 31);
  const failures = path!.failures.slice();
  failures[PAIR] = ages.length;
  return { ...evidence, paths: [{ ...path!, failures, lostSeconds: { ...path!.lostSeconds!, bits } }, ...rest] };
}

function lostIn(history: History, { paths }: Evidence, seconds: number): number {
  return countBits(history.paths.get(pathName(paths[0]!))!.lost, PAIR, ringMask(history.now, seconds));
}

test("what was lost in the rest of the second in which a row was told is not missed, and counts once", () => {
  const mesh = new SimMesh({ nodes: NODES, random: tuningRandom(1) });
  const history = new History();
  atOnce(history.add(mesh.evidence()));
  mesh.advance(3);
  const later = losing(mesh.evidence(), 3, 1);
  atOnce(history.add(later));
  expect(lostIn(history, later, 10)).toBe(2);
  mesh.advance(3);
  const last = losing(mesh.evidence(), 6, 4);
  atOnce(history.add(last));
  expect(lostIn(history, last, 10)).toBe(2);
  expect(lostIn(history, last, 6)).toBe(1);
});

test("what is forgotten does not come back with the next row, and what is lost afterwards counts", () => {
  const mesh = new SimMesh({ nodes: NODES, random: tuningRandom(1) });
  const history = new History();
  const first = losing(mesh.evidence(), 2, 0);
  atOnce(history.add(first));
  history.forget(first.paths[0]!, [PAIR], history.now);
  expect(lostIn(history, first, 60)).toBe(0);
  mesh.advance(3);
  const later = losing(mesh.evidence(), 5, 3, 1);
  atOnce(history.add(later));
  expect(lostIn(history, later, 60)).toBe(1);
});

/** A pair loses in every second, and a judge waits for some other agent: so many seconds in each of its looks, three apart. */
function looksThatWait(...waits: readonly number[]): { readonly history: History; readonly last: Evidence } {
  const mesh = new SimMesh({ nodes: NODES, random: tuningRandom(1) });
  const history = new History();
  let last = mesh.evidence();
  for (const wait of waits) {
    const told = losing(mesh.evidence(), ...Array.from({ length: 60 }, (_, age) => age));
    last = { ...told, atSeconds: told.atSeconds + wait };
    atOnce(history.add(last));
    mesh.advance(3);
  }
  return { history, last };
}

test("seconds lie where they lay, however long a judge waits for other rows: none is missing between two looks", () => {
  for (const waits of [
    [0, 0, 1],
    [0, 2, 0, 1],
    [0, 4, 0, 4],
  ]) {
    const { history, last } = looksThatWait(...waits);
    expect(history.waitedSeconds, waits.join()).toBe(waits.at(-1));
    expect(lostIn(history, last, 40), waits.join()).toBe(40);
  }
});

test("what the last row tells of the seconds in which a judge waited for it comes with the next one", () => {
  const mesh = new SimMesh({ nodes: NODES, random: tuningRandom(1) });
  const history = new History();
  atOnce(history.add(mesh.evidence()));
  mesh.advance(3);
  const others = mesh.evidence();
  mesh.advance(2);
  // The pair's own row is two seconds younger than the two others.
  const source = others.pairs.source[PAIR]!;
  const { atSeconds, nodes } = mesh.evidence();
  const mixed = { ...others, atSeconds, nodes: others.nodes.map((node, i) => (i === source ? nodes[i]! : node)) };
  const waited = losing(mixed, 3, 1, 0);
  atOnce(history.add(waited));
  expect(history.waitedSeconds).toBe(2);
  expect(lostIn(history, waited, 60)).toBe(1);
  mesh.advance(2);
  const last = losing(mesh.evidence(), 5, 3, 2);
  atOnce(history.add(last));
  expect(history.waitedSeconds).toBe(0);
  expect(lostIn(history, last, 60)).toBe(3);
  expect(lostIn(history, last, 4)).toBe(2);
});

test("a first look that waited puts seconds too late, and the next one right", () => {
  const { history, last } = looksThatWait(2, 0, 0);
  expect(lostIn(history, last, 10)).toBe(10);
});

test("a row that is late in every look of a minute is so by its clock, and its seconds are the youngest again", () => {
  const { history, last } = looksThatWait(0, ...Array.from({ length: 25 }, () => 2));
  expect(history.waitedSeconds).toBe(0);
  expect(lostIn(history, last, 10)).toBe(10);
});

test("a pair counts as one that has lost something while any second of that is remembered, and then no more", () => {
  const mesh = new SimMesh({ nodes: NODES, random: tuningRandom(1) });
  const history = new History();
  const first = losing(mesh.evidence(), 0);
  const hasLost = () => [...history.paths.get(pathName(first.paths[0]!))!.hasLost];
  atOnce(history.add(first));
  expect(hasLost()).toEqual([0, 1, 0, 0, 0, 0]);
  for (const [seconds, left] of [
    [100, 1],
    [200, 1],
    [300, 1],
    [400, 0],
  ] as const) {
    mesh.advance(100);
    atOnce(history.add(mesh.evidence()));
    expect(lostIn(history, first, 320), `after ${seconds} s`).toBe(left);
    expect(hasLost()[PAIR], `after ${seconds} s`).toBe(left);
  }
});
