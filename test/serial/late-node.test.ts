// A processor that lets packets wait: the judges of a lab name it, in the words of the kernel, as the cause of a node's
// delay. Never beside other networks, which would wait as well.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect } from "vitest";
import { needs } from "../support/needs.ts";
import { OFTEN, ViewedLab } from "../support/viewed-lab.ts";

const { describe, test } = await needs("namespaces");

/** What delay is usual is known after five minutes: longer than .ci/run has for one test. */
const KNOWN_MS = 330_000;
const isCi = process.env["CI"] !== undefined;

describe.skipIf(isCi)("with host views in a lab that has the machine for itself", { timeout: 900_000 }, () => {
  let viewed: ViewedLab;
  beforeAll(async () => {
    viewed = await ViewedLab.openCalm({
      nodes: 4,
      settings: { udp: OFTEN, tcp: OFTEN, pathMtu: { enabled: false } },
    });
  }, 300_000);
  afterAll(() => viewed?.[Symbol.asyncDispose]());

  test("a flooded node whose processor lets packets wait: that it ran out of time is the first cause of the delay", async () => {
    const { victim, other } = viewed;
    await sleep(KNOWN_MS);
    const late = await viewed.explained(
      `softnet ${other}->${victim} squeezes`,
      new RegExp(
        `^the kernel of ${victim} ran out of time \\d+ times in \\d+ s with packets still waiting \\(net\\.core\\.netdev_budget\\)\\.$`,
      ),
      { code: "IN-LATENCY", node: victim },
    );
    expect(late.causes[0]).toMatchObject({ kind: "queue", for: ["the kernels of the nodes say so"] });
    expect(late.figures.rttNs! / late.figures.rttBeforeNs!).toBeGreaterThan(10);
    expect(late.next).toBe(`internode counters ${victim}`);
    expect(late.cure).toMatch(/^Raise net\.core\.netdev_budget and netdev_budget_usecs/);
  });
});
