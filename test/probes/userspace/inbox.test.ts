import { setImmediate as turn } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import { Inbox, answeredBy } from "../../../agent/probes/userspace/inbox.ts";
import { FakeClock } from "../../support/fake-clock.ts";

let clock: FakeClock;
let inbox: Inbox;
beforeEach(() => {
  clock = new FakeClock();
  inbox = new Inbox(clock);
});

test("what arrived is told at the drain, with the time of its arrival", () => {
  const told: number[] = [];
  inbox.add(({ atNs }) => told.push(atNs));
  const arrivedNs = clock.monotonicNs();
  clock.advanceMs(100);
  expect(told).toEqual([]);
  inbox.deliver();
  inbox.deliver();
  expect(told).toEqual([arrivedNs]);
});

test("it is complete up to a drain once the sockets were polled after it, not before", async () => {
  clock.advanceMs(10);
  const drainedNs = clock.monotonicNs();
  inbox.deliver();
  expect(inbox.completeNs).toBeLessThan(drainedNs);
  clock.advanceMs(10);
  await turn();
  expect(inbox.completeNs).toBe(drainedNs);
});

test("while reading brings more, it is not complete", async () => {
  clock.advanceMs(10);
  const drainedNs = clock.monotonicNs();
  inbox.deliver();
  for (let i = 0; i < 5; i++) {
    inbox.passed();
    await turn();
    expect(inbox.completeNs).toBeLessThan(drainedNs);
  }
  await turn();
  await turn();
  expect(inbox.completeNs).toBe(drainedNs);
});

const probe = { sentNs: 0, timeoutNs: 1_000 };

test("an answer in time has its delay", () => {
  expect(answeredBy({ atNs: 700, notBeforeNs: 600 }, probe)).toEqual({ kind: "answered", rttNs: 700, clock: "user" });
});

test("an answer read after the timeout, that may have come before it, is certain without a delay", () => {
  expect(answeredBy({ atNs: 5_000, notBeforeNs: 900 }, probe)).toEqual({
    kind: "answered",
    rttNs: undefined,
    clock: "user",
  });
});

test("an answer that was not there when the timeout had passed is late", () => {
  expect(answeredBy({ atNs: 5_000, notBeforeNs: 1_001 }, probe)).toBe("late");
});

test("an error in taking an event is thrown at the drain, where it closes no more than its protocol", () => {
  const take = inbox.taking((text: string) => {
    if (text === "bad") throw new Error("cannot read it");
    inbox.add(() => told.push(text));
  });
  const told: string[] = [];
  take("good");
  take("bad");
  expect(() => inbox.deliver()).toThrow("cannot read it");
  expect(told).toEqual(["good"]);
});
