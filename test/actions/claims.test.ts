import { describe, expect, test } from "vitest";
import { ClaimBook, KEEPERS, keepersOf, LEASE_SECONDS, whyNotGranted, type Claim } from "../../agent/actions/claims.ts";

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
    const book = new ClaimBook({ isNew: false });
    expect(book.take(claim(RUNS[0]))).toEqual({ vote: "yes" });
    expect(book.take(claim(RUNS[1]))).toEqual({ vote: "no", holder: "node-0" });
    expect(book.take(claim(RUNS[0]))).toEqual({ vote: "yes" });
    expect(book.take(claim(RUNS[1], { action: "ping" }))).toEqual({ vote: "yes" });
  });

  test("gives the place on when it is given back, or when its time is over", () => {
    let nowMs = 0;
    const book = new ClaimBook({ nowMs: () => nowMs, isNew: false });
    book.take(claim(RUNS[0]));
    book.take(claim(RUNS[0], { seconds: 0 }));
    expect(book.take(claim(RUNS[1]))).toEqual({ vote: "yes" });
    nowMs = 30_000;
    expect(book.take(claim(RUNS[2]))).toEqual({ vote: "yes" });
  });

  test("that has just started abstains until it must have heard of every run, and takes what is renewed", () => {
    let nowMs = 1_000;
    const book = new ClaimBook({ nowMs: () => nowMs });
    expect(book.take(claim(RUNS[0]))).toEqual({ vote: "abstains" });
    expect(book.take(claim(RUNS[1], { renews: true }))).toEqual({ vote: "yes" });
    expect(book.take(claim(RUNS[0]))).toEqual({ vote: "no", holder: "node-1" });
    book.take(claim(RUNS[1], { seconds: 0 }));
    nowMs += LEASE_SECONDS * 1_000;
    expect(book.take(claim(RUNS[0]))).toEqual({ vote: "yes" });
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
  const votes = (granted: number, refused: number, { asked = 5, abstained = 0 } = {}) => ({
    asked,
    granted,
    refused,
    abstained,
    holder: "node-7",
  });

  test("a run that must be granted needs more than half of all of them", () => {
    expect(whyNotGranted(votes(3, 2), true)).toBeUndefined();
    expect(whyNotGranted(votes(2, 3), true)).toEqual({ kind: "taken", holder: "node-7" });
    expect(whyNotGranted(votes(2, 0), true)).toEqual({ kind: "unasked" });
    expect(whyNotGranted(votes(1, 0, { asked: 2 }), true)).toEqual({ kind: "unasked" });
    expect(whyNotGranted(votes(1, 0, { asked: 1 }), true)).toBeUndefined();
  });

  test("a run that must be granted waits for those that have just started, unless somebody else has the place", () => {
    expect(whyNotGranted(votes(1, 0, { abstained: 2 }), true)).toEqual({ kind: "abstained" });
    expect(whyNotGranted(votes(1, 0, { abstained: 1 }), true)).toEqual({ kind: "unasked" });
    expect(whyNotGranted(votes(1, 1, { abstained: 3 }), true)).toEqual({ kind: "taken", holder: "node-7" });
    expect(whyNotGranted(votes(0, 0, { abstained: 5 }), false)).toBeUndefined();
  });

  test("any other runs unless more than half refuse: in a broken mesh it is what finds the fault", () => {
    expect(whyNotGranted(votes(1, 0), false)).toBeUndefined();
    expect(whyNotGranted(votes(2, 2), false)).toBeUndefined();
    expect(whyNotGranted(votes(2, 3), false)).toEqual({ kind: "taken", holder: "node-7" });
  });
});
