import { describe, expect, test } from "vitest";
import { SlotTally, type SlotEvent } from "../../agent/actions/tally.ts";

type Told = SlotEvent extends infer E ? (E extends SlotEvent ? Omit<E, "slot"> : never) : never;
const tallied = (...events: readonly Told[]): SlotTally => {
  const tally = new SlotTally();
  for (const event of events) tally.take({ ...event, slot: 0 });
  return tally;
};

describe("what the probes of a slot come to", () => {
  test("is nothing before the first", () => {
    expect(tallied().window).toMatchObject({ probes: 0, failures: 0, rttMeanNs: undefined, jitterNs: undefined });
  });

  test("counts every probe once, and a failed one is never a delay", () => {
    const { window, lastNs } = tallied(
      { came: "answered", rttNs: 100 },
      { came: "timeout" },
      { came: "blocked" },
      { came: "refused" },
      { came: "answered", rttNs: 300, retransmits: 1 },
    );
    expect(window).toMatchObject({
      probes: 5,
      failures: 2,
      refusals: 1,
      retransmits: 1,
      reasons: { timeout: 1, blocked: 1 },
      rttMinNs: 100,
      rttMeanNs: 200,
      rttMaxNs: 300,
    });
    expect(lastNs).toBe(300);
  });

  test("has jitter of neighbours that were both answered, and of no others", () => {
    const answers = (...delays: readonly number[]): Told[] => delays.map((rttNs) => ({ came: "answered", rttNs }));
    expect(tallied(...answers(100, 130, 110)).window.jitterNs).toBe(25);
    expect(tallied(...answers(100), { came: "timeout" }, ...answers(900, 905)).window.jitterNs).toBe(5);
  });

  test("takes the delay of a UDP answer when it is told, with the neighbour that it belongs to", () => {
    const { window } = tallied(
      { came: "answered" },
      { came: "delay", rttNs: 100 },
      { came: "answered" },
      { came: "delay", rttNs: 140, previousRttNs: 100 },
      { came: "timeout" },
      { came: "lost", direction: "forward" },
    );
    expect(window).toMatchObject({ probes: 3, failures: 1, rttMeanNs: 120, jitterNs: 40, lostForward: 1 });
  });

  test("keeps what this node itself could not send apart from probes", () => {
    const tally = tallied({ came: "local", errno: "ENOBUFS" }, { came: "local", errno: "ENOBUFS" });
    expect(tally.window.probes).toBe(0);
    expect(tally.local).toEqual({ ENOBUFS: 2 });
  });
});
