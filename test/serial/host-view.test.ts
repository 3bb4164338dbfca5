// What the machine has once for all its network namespaces is full: the judges of a lab name it, in the words of the
// kernels, as the cause of what its agents lose. Never beside other networks, which would lose with it.
import { afterAll, beforeAll, expect } from "vitest";
import { needs } from "../support/needs.ts";
import { OFTEN, ViewedLab } from "../support/viewed-lab.ts";

const { describe, test } = await needs("namespaces");

describe("with host views in a lab that has the machine for itself", { timeout: 600_000 }, () => {
  let viewed: ViewedLab;
  beforeAll(async () => {
    viewed = await ViewedLab.openCalm({
      nodes: 4,
      settings: { udp: OFTEN, tcp: OFTEN, pathMtu: { enabled: false } },
    });
  }, 300_000);
  afterAll(() => viewed?.[Symbol.asyncDispose]());

  test("a neighbour table that is full is the cause of what a node cannot reach any more", async () => {
    const { victim, other } = viewed;
    const full = await viewed.explained(
      `neighbours-full ${victim}->${other}`,
      /^the neighbour table of node-\d was full (once|\d+ times) in \d+ s: it holds \d+ entries of IPv4/,
      { code: "IN-PAIR-CUT" },
    );
    expect(full.subject).toEqual({ kind: "pair", nodes: [victim, other].sort() });
    expect(full.causes[0]).toMatchObject({ kind: "neighbour-full" });
    expect(full.causes[0]!.for).toContain("the kernels of the nodes say so");
    expect(full.next).toMatch(/^internode counters node-\d$/);
  });

  test("a flooded node whose processor drops packets: the queue is the first cause", async () => {
    const { victim, other } = viewed;
    const dropping = await viewed.explained(
      `softnet ${other}->${victim} drops`,
      new RegExp(
        `^the kernel of ${victim} dropped [\\d,]+ packets in \\d+ s because a processor's queue was full \\(net\\.core\\.netdev_max_backlog\\)\\.$`,
      ),
      { code: "IN-NODE-LOSS", node: victim },
    );
    expect(dropping.causes[0]).toMatchObject({ kind: "queue", for: ["the kernels of the nodes say so"] });
    // A quarter of the time the queue is full.
    expect(dropping.figures.loss).toBeGreaterThan(0.05);
    expect(dropping.figures.loss).toBeLessThan(0.5);
    expect(dropping.next).toBe(`internode counters ${victim}`);
    expect(dropping.cure).toMatch(/^Raise net\.core\.netdev_max_backlog, spread the interface's work/);
  });
});
