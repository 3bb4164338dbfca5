import { expect, test } from "vitest";
import { ReadinessGate } from "../../agent/api/readiness.ts";

test("an agent is as ready as its mesh, in the mesh's own words", () => {
  let reason: string | undefined = "discovery has not answered yet";
  const gate = new ReadinessGate({ whyNotReady: () => reason });
  expect(gate.state()).toEqual({ ready: false, reason });
  reason = undefined;
  expect(gate.state()).toEqual({ ready: true });
});

test("an agent that drains is not ready at once, and waits until the signal or its time has come", async () => {
  const gate = new ReadinessGate({ whyNotReady: () => undefined });
  const impatient = new AbortController();
  const drained = gate.drain(60_000, impatient.signal);
  expect(gate.state()).toMatchObject({ ready: false, reason: expect.stringContaining("stopping") });
  impatient.abort();
  await drained;
  await gate.drain(0, new AbortController().signal);
  expect(gate.state().ready).toBe(false);
});
