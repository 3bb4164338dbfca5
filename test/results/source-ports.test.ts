import { expect, test } from "vitest";
import { PORT_MINUTES, SourcePorts } from "../../agent/results/source-ports.ts";

const MINUTE = 29_833_333;

test("each source port's probes and failures are told of the minute that runs and the five before", () => {
  const ports = new SourcePorts();
  expect(ports.sum(3, MINUTE)).toBeUndefined();
  ports.add(3, MINUTE, { port: 2, failed: true });
  ports.add(3, MINUTE, { port: 2, failed: false });
  ports.add(3, MINUTE + 2, { port: 7, failed: true });
  expect(ports.sum(3, MINUTE + PORT_MINUTES)).toEqual({
    probes: [0, 0, 2, 0, 0, 0, 0, 1],
    failures: [0, 0, 1, 0, 0, 0, 0, 1],
  });
  expect(ports.sum(3, MINUTE + PORT_MINUTES + 1)?.probes).toEqual([0, 0, 0, 0, 0, 0, 0, 1]);
  expect(ports.sum(3, MINUTE + 100)?.probes).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
});

test("a pause of any length leaves nothing of the lap before, a count has an end, and a closed slot nothing", () => {
  for (const pause of [1, 5, 6, 7, 12, 1_000]) {
    const ports = new SourcePorts();
    for (let i = 0; i < 6; i++) ports.add(0, MINUTE + i, { port: 0, failed: true });
    ports.add(0, MINUTE + 5 + pause, { port: 0, failed: false });
    const kept = Math.max(0, 6 - pause);
    expect(ports.sum(0, MINUTE + 5 + pause), `after ${pause} min`).toMatchObject({
      probes: [kept + 1, 0, 0, 0, 0, 0, 0, 0],
      failures: [kept, 0, 0, 0, 0, 0, 0, 0],
    });
  }
  const ports = new SourcePorts();
  for (let i = 0; i < 300; i++) ports.add(0, MINUTE, { port: 1, failed: true });
  expect(ports.sum(0, MINUTE)!.failures[1]).toBe(255);
  ports.add(0, MINUTE, { port: 99, failed: true });
  ports.clear(0);
  expect(ports.sum(0, MINUTE)).toBeUndefined();
});
