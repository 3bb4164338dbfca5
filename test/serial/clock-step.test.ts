// Moves the machine's wall clock and puts it back: never beside other tests.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../agent/kernel/clock.ts";
import { createLab, type Lab } from "../../lab/lab.ts";
import { parseExposition, type Sample } from "../support/exposition-parser.ts";
import { clockSteps } from "../support/clock-step.ts";
import { fetchSocket } from "../support/fetch-socket.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("namespaces", "clock steps");

const PROBING_MS = 4_000;
/** Two clocks cannot be read at once, and NTP may slew them against each other. */
const RESTORED_WITHIN_NS = 50e6;
/** Six ordered pairs: ICMP on two networks, TCP and UDP on one. */
const SERIES = 24;
const NODES = ["node-1", "node-2", "node-3"];

describe("a step of the wall clock under a mesh that probes", () => {
  let lab: Lab;
  beforeAll(async () => {
    const settings = {
      icmp: { intervalMs: 100, timeoutMs: 90 },
      tcp: { intervalMs: 200, timeoutMs: 190 },
      udp: { intervalMs: 200, timeoutMs: 190 },
      pathMtu: { enabled: false },
    };
    lab = await createLab({ nodes: NODES.length, zones: 3, settings });
    for (let ready = false; !ready; await sleep(200)) {
      // Until its agent is there a proxy has no socket.
      const probes = (await samples(lab).catch(() => [])).filter((s) => s.name === "internode_probes_total");
      ready = probes.length === SERIES && probes.every((s) => s.value >= 10);
    }
  });
  afterAll(async () => lab?.[Symbol.asyncDispose]());

  test.each([2, -2])(
    "of %i s loses no probe, makes no delay out of itself, is counted, and leaves the clock as it was",
    async (seconds) => {
      const clock = systemClock();
      const offset = () => clock.realtimeNs() - clock.monotonicNs();
      const offsetNs = offset();
      const before = await samples(lab);
      {
        await using steps = clockSteps();
        await sleep(PROBING_MS / 2);
        await steps.by(seconds);
        expect(Math.abs(offset() - offsetNs - seconds * 1e9)).toBeLessThan(RESTORED_WITHIN_NS);
        await sleep(PROBING_MS);
      }
      expect(Math.abs(offset() - offsetNs)).toBeLessThan(RESTORED_WITHIN_NS);
      await sleep(PROBING_MS / 2);
      const after = await samples(lab);

      // ICMP ten times a second, TCP and UDP five times.
      expect(sum(after, "internode_probes_total") - sum(before, "internode_probes_total")).toBeGreaterThan(
        6 * 30 * (PROBING_MS / 1_000) * 0.5,
      );
      expect(
        after.filter((s) => s.name === "internode_probe_failures_total" && s.value > (valueOf(before, s) ?? 0)),
      ).toEqual([]);
      // A delay that contained the step would be about two seconds; none may even be a timeout long.
      const delays = after.filter((s) => s.name === "internode_rtt_max_seconds");
      expect(delays.length).toBeGreaterThan(0);
      expect(delays.filter((s) => s.value > 0.19 || s.value <= 0)).toEqual([]);
      for (const node of NODES) {
        const steps = (of: readonly Sample[]) =>
          sum(
            of.filter((s) => s.labels["source_node"] === node),
            "internode_clock_steps_total",
          );
        expect(steps(after) - steps(before), node).toBe(2);
      }
    },
  );
});

async function samples(lab: Lab): Promise<Sample[]> {
  const texts = await Promise.all(NODES.map((node) => fetchSocket(lab.target(node, "metrics").path, "/metrics")));
  return texts.flatMap((text) => parseExposition(text).samples);
}

const sum = (samples: readonly Sample[], name: string) =>
  samples.filter((s) => s.name === name).reduce((total, s) => total + s.value, 0);
const valueOf = (samples: readonly Sample[], like: Sample) =>
  samples.find((s) => s.name === like.name && JSON.stringify(s.labels) === JSON.stringify(like.labels))?.value;
