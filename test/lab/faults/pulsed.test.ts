import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { FaultCounters, InForce } from "../../../lab/faults/fault.ts";
import { pulsed } from "../../../lab/faults/pulsed.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const PULSE = { forMs: 1_000, everyMs: 10_000 };

/** Notes when it is in force, and counts seven packets each time. */
function recorded() {
  const startMs = performance.now();
  const changes: string[] = [];
  const note = (what: string) =>
    void changes.push(`${what} at ${Math.round((performance.now() - startMs) / 100) / 10} s`);
  let active = 0;
  const counters = (): Promise<FaultCounters> => Promise.resolve({ matched: 10, affected: 7, byProtocol: { udp: 7 } });
  const inject = (): Promise<InForce> => {
    note("on");
    active++;
    return Promise.resolve({
      counters,
      end: () => {
        note("off");
        active--;
        return counters();
      },
    });
  };
  return { changes, inject, isActive: () => active > 0 };
}

const atOnce = (turn: () => Promise<void>): Promise<void> => turn();

test("a fault with a pulse is there at once, goes, and comes again with each period", async () => {
  const { changes, inject } = recorded();
  const fault = await pulsed(inject, PULSE, atOnce);
  await vi.advanceTimersByTimeAsync(21_500);
  expect(changes).toEqual(["on at 0 s", "off at 1 s", "on at 10 s", "off at 11 s", "on at 20 s", "off at 21 s"]);
  await fault.end();
});

test("its counters are of all its times, in force or not", async () => {
  const { inject } = recorded();
  const fault = await pulsed(inject, PULSE, atOnce);
  const seven = (times: number) => ({ matched: 10 * times, affected: 7 * times, byProtocol: { udp: 7 * times } });
  expect(await fault.counters()).toEqual(seven(1));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(await fault.counters()).toEqual(seven(1));
  await vi.advanceTimersByTimeAsync(5_500);
  expect(await fault.counters()).toEqual(seven(2));
  expect(await fault.end()).toEqual(seven(2));
});

test.each([500, 5_000])("ended %i ms after its start it does not come back", async (afterMs) => {
  const { changes, inject, isActive } = recorded();
  const fault = await pulsed(inject, PULSE, atOnce);
  await vi.advanceTimersByTimeAsync(afterMs);
  await fault.end();
  expect(isActive()).toBe(false);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(changes).toHaveLength(2);
});

test("a change that waits for its turn while the fault is ended changes nothing", async () => {
  const { inject, isActive } = recorded();
  const turn = Promise.withResolvers<void>();
  const fault = await pulsed(inject, PULSE, async (change) => {
    await turn.promise;
    await change();
  });
  await vi.advanceTimersByTimeAsync(1_500);
  await fault.end();
  turn.resolve();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(isActive()).toBe(false);
});

test("a time at which it could not be injected is left out, and the next one is tried", async () => {
  const { changes, inject } = recorded();
  let times = 0;
  const fault = await pulsed(
    () => (++times === 2 ? Promise.reject(new Error("the agent does not run")) : inject()),
    PULSE,
    atOnce,
  );
  await vi.advanceTimersByTimeAsync(20_500);
  expect(changes).toEqual(["on at 0 s", "off at 1 s", "on at 20 s"]);
  await fault.end();
});

test("periods that the machine slept through are not made up for", async () => {
  const { changes, inject } = recorded();
  const slow = Promise.withResolvers<void>();
  let turns = 0;
  const fault = await pulsed(inject, PULSE, async (change) => {
    if (++turns === 1) await slow.promise;
    await change();
  });
  await vi.advanceTimersByTimeAsync(45_000);
  slow.resolve();
  await vi.advanceTimersByTimeAsync(6_500);
  expect(changes).toEqual(["on at 0 s", "off at 45 s", "on at 50 s", "off at 51 s"]);
  await fault.end();
});
