import { describe, expect, test } from "vitest";
import { ClaimBook, KEEPERS, keepersOf, whyNotGranted, type Claim } from "../../agent/actions/claims.ts";

const RUNS = ["0".repeat(16), "1".repeat(16), "2".repeat(16)] as const;
const claim = (run: string, more: Partial<Claim> = {}): Claim => ({
  action: "throughput",
  run,
  holder: `node-${run[0]}`,
  limit: 1,
  seconds: 30,
  ...more,
});

describe("a keeper", () => {
  test("lets one run in where one is the limit, and says who holds the place", () => {
    const book = new ClaimBook();
    expect(book.take(claim(RUNS[0]))).toEqual({ granted: true });
    expect(book.take(claim(RUNS[1]))).toEqual({ granted: false, holder: "node-0" });
    expect(book.take(claim(RUNS[0]))).toEqual({ granted: true });
    expect(book.take(claim(RUNS[1], { action: "ping" }))).toEqual({ granted: true });
  });

  test("gives the place on when it is given back, or when its time is over", () => {
    let nowMs = 0;
    const book = new ClaimBook(() => nowMs);
    book.take(claim(RUNS[0]));
    book.take(claim(RUNS[0], { seconds: 0 }));
    expect(book.take(claim(RUNS[1]))).toEqual({ granted: true });
    nowMs = 30_000;
    expect(book.take(claim(RUNS[2]))).toEqual({ granted: true });
  });
});

test("all agents choose the same keepers, whatever order they know the nodes in", () => {
  const nodes = Array.from({ length: 20 }, (_, i) => ({ name: `node-${i}`, zone: "" }));
  const keepers = keepersOf(nodes);
  expect(keepers).toHaveLength(KEEPERS);
  expect(keepersOf(nodes.toReversed())).toEqual(keepers);
  expect(keepersOf(nodes.slice(0, 2))).toHaveLength(2);
});

describe("of the keepers' votes", () => {
  const votes = (granted: number, refused: number, asked = 5) => ({ asked, granted, refused, holder: "node-7" });

  test("a run that must be granted needs more than half of all of them", () => {
    expect(whyNotGranted(votes(3, 2), true)).toBeUndefined();
    expect(whyNotGranted(votes(2, 3), true)).toEqual({ kind: "taken", holder: "node-7" });
    expect(whyNotGranted(votes(2, 0), true)).toEqual({ kind: "unasked" });
    expect(whyNotGranted(votes(1, 0, 2), true)).toEqual({ kind: "unasked" });
    expect(whyNotGranted(votes(1, 0, 1), true)).toBeUndefined();
  });

  test("any other runs unless more than half refuse: in a broken mesh it is what finds the fault", () => {
    expect(whyNotGranted(votes(1, 0), false)).toBeUndefined();
    expect(whyNotGranted(votes(2, 2), false)).toBeUndefined();
    expect(whyNotGranted(votes(2, 3), false)).toEqual({ kind: "taken", holder: "node-7" });
  });
});
