import { expect, test } from "vitest";
import { drainQueue, MAX_BATCHES_A_DRAIN } from "../../agent/kernel/drain.ts";
import { FakeBatch } from "../support/fake-batch.ts";

const batch = new FakeBatch(4, 8);

/** Reads of these many packets, then nothing. */
function reads(...counts: readonly number[]) {
  const left = [...counts];
  const read = { calls: 0 };
  return { read, next: () => (read.calls++, left.shift() ?? 0) };
}

test("a queue is read until a read brings nothing, though one before brought less than a batch", () => {
  const { read, next } = reads(4, 1, 3, 2);
  const taken: number[] = [];
  expect(drainQueue(batch, next, (_, i) => taken.push(i))).toBe(10);
  expect(taken).toEqual([0, 1, 2, 3, 0, 0, 1, 2, 0, 1]);
  expect(read.calls).toBe(5);
});

test("an empty queue takes one read", () => {
  const { read, next } = reads();
  expect(drainQueue(batch, next, () => expect.unreachable())).toBe(0);
  expect(read.calls).toBe(1);
});

test("a flood is left to the next drain, at one bound for every queue", () => {
  let calls = 0;
  expect(
    drainQueue(
      batch,
      () => (calls++, 4),
      () => {},
    ),
  ).toBe(4 * MAX_BATCHES_A_DRAIN);
  expect(calls).toBe(MAX_BATCHES_A_DRAIN);
});

test("where what is behind does not matter, a read that brings less than a batch is the last", () => {
  const { read, next } = reads(4, 3, 2);
  expect(drainQueue(batch, next, () => {}, { goesOn: () => false })).toBe(7);
  expect(read.calls).toBe(2);
});
