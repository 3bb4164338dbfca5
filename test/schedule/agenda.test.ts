import { describe, expect, test } from "vitest";
import type { Slot } from "../../agent/model/slot.ts";
import { Agenda } from "../../agent/schedule/agenda.ts";
import { testSlot } from "../support/test-slot.ts";

const SECOND = 1e9;
const MS = 1e6;

const slots = (n: number): Slot[] =>
  Array.from({ length: n }, () => testSlot({ protocol: "icmp", address: "10.0.0.2" }));

const punctual = (tickMs = 20) => ({ tickNs: tickMs * MS, missed: () => expect.fail("a turn was missed") });

/** Walk from one moment to another in ticks of 20 ms; who came, when. */
function walk(agenda: Agenda, fromMs: number, toMs: number): { slot: Slot; ms: number }[] {
  const turns: { slot: Slot; ms: number }[] = [];
  for (let ms = fromMs + 20; ms <= toMs; ms += 20)
    for (const slot of agenda.due(ms * MS, punctual())) turns.push({ slot, ms });
  return turns;
}

const agendaAt = (nowMs = 0) =>
  new Agenda({ intervalNs: SECOND, timeoutNs: 800 * MS, epochNs: -0.4 * SECOND }, nowMs * MS);

describe("an agenda", () => {
  test("gives every slot one turn an interval, always at the same phase", () => {
    const agenda = agendaAt();
    const all = slots(50);
    for (const slot of all) agenda.add(slot, 0);
    walk(agenda, 0, 3_000);
    const turns = walk(agenda, 3_000, 13_000);
    for (const slot of all) {
      const mine = turns.filter((t) => t.slot === slot).map((t) => t.ms);
      expect(mine).toHaveLength(10);
      expect(new Set(mine.map((ms) => ms % 1000)).size).toBe(1);
    }
  });

  test("probes a new slot within half a second, however long the interval is, and leaves time to answer before its next turn", () => {
    const agenda = new Agenda({ intervalNs: 60 * SECOND, timeoutNs: 4 * SECOND, epochNs: 0 }, 0);
    const all = slots(40);
    for (const slot of all) agenda.add(slot, 0);
    const turns = walk(agenda, 0, 120_000);
    for (const slot of all) {
      const [first, second] = turns.filter((t) => t.slot === slot);
      expect(first!.ms).toBeLessThanOrEqual(520);
      expect(second!.ms - first!.ms).toBeGreaterThanOrEqual(4_000);
    }
  });

  test("skips and counts turns missed in a long pause instead of sending them all at once", () => {
    const agenda = agendaAt();
    const all = slots(100);
    for (const slot of all) agenda.add(slot, 0);
    walk(agenda, 0, 5_000);
    const missed: Slot[] = [];
    const due = agenda.due(7_000 * MS, { tickNs: 20 * MS, missed: (slot) => missed.push(slot) });
    expect(due.length).toBeLessThan(40);
    expect(due.length + missed.length).toBe(200);
    expect(new Set(due).size).toBe(due.length);
  });

  test("takes every turn when ticks are late by less than a quarter of the interval, as under a CPU limit", () => {
    const agenda = agendaAt();
    const all = slots(100);
    for (const slot of all) agenda.add(slot, 0);
    walk(agenda, 0, 2_000);
    let taken = 0;
    for (let ms = 2_100; ms <= 12_000; ms += 100) taken += agenda.due(ms * MS, punctual()).length;
    expect(taken).toBe(1_000);
  });

  test("takes turns that are two ticks late even where a quarter of the interval is less", () => {
    const agenda = new Agenda({ intervalNs: 100 * MS, timeoutNs: 90 * MS, epochNs: 0 }, 0);
    for (const slot of slots(20)) agenda.add(slot, 0);
    for (let ms = 20; ms <= 1_000; ms += 20) agenda.due(ms * MS, punctual());
    let taken = 0;
    for (let ms = 1_045; ms <= 2_035; ms += 45) taken += agenda.due(ms * MS, punctual()).length;
    expect(taken).toBeGreaterThanOrEqual(195);
  });

  test("gives nobody two turns at once, however long the tick is", () => {
    const agenda = agendaAt();
    const all = slots(100);
    for (const slot of all) agenda.add(slot, 0);
    for (let ms = 500; ms <= 3_000; ms += 500) agenda.due(ms * MS, punctual(500));
    const missed: Slot[] = [];
    const due = agenda.due(5_700 * MS, { tickNs: 500 * MS, missed: (slot) => missed.push(slot) });
    expect(due).toHaveLength(100);
    expect(new Set(due).size).toBe(100);
    expect(due.length + missed.length).toBeGreaterThan(250);
  });

  test("neither repeats nor loses anyone's turn when slots come and go", () => {
    const agenda = agendaAt();
    const stay = slots(30);
    for (const slot of stay) agenda.add(slot, 0);
    walk(agenda, 0, 3_000);
    const turns: { slot: Slot; ms: number }[] = [];
    for (let ms = 3_000; ms < 8_000; ms += 100) {
      const [passing] = slots(1);
      agenda.add(passing!, ms * MS);
      turns.push(...walk(agenda, ms, ms + 100));
      agenda.remove(passing!);
    }
    for (const slot of stay) expect(turns.filter((t) => t.slot === slot)).toHaveLength(5);
  });

  test("keeps a slot's turn when its address changes", () => {
    const agenda = agendaAt();
    const [from] = slots(1);
    agenda.add(from!, 0);
    const before = walk(agenda, 0, 4_000).at(-1)!.ms % 1000;
    const to = { ...from!, address: "10.0.0.9" };
    agenda.replace(from!, to);
    const [turn] = walk(agenda, 4_000, 5_000);
    expect(turn).toEqual({ slot: to, ms: expect.any(Number) as number });
    expect(turn!.ms % 1000).toBe(before);
  });

  test("says when the next turn is, and never when there is none", () => {
    const agenda = agendaAt();
    expect(agenda.nextNs()).toBe(Infinity);
    const [slot] = slots(1);
    agenda.add(slot!, 0);
    expect(agenda.nextNs()).toBeLessThan(SECOND);
  });
});
