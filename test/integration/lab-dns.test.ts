// The DNS server of a lab without agents, asked by the agent's own lookups.
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createLab, type Lab } from "../../lab/lab.ts";
import { needs } from "../support/needs.ts";

const { describe, test: labTest } = await needs("namespaces");

const LOOKUP = new URL("../../agent/probes/dns-lookup.ts", import.meta.url).href;
const CLOCK = new URL("../../agent/kernel/clock.ts", import.meta.url).href;

describe.each([1, 2])("a lab with DNS and %i equal paths", (paths) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await createLab({ nodes: 2, zones: 1, paths, dns: true, agents: false });
  });
  afterEach(async () => void (await lab?.clear()));
  afterAll(() => lab?.[Symbol.asyncDispose]());

  /** What a pod gets within a second. */
  async function lookup(
    node: string,
  ): Promise<{ kind: string; addresses?: string[]; reason?: string; durationNs?: number }> {
    const script = `import { lookup } from ${JSON.stringify(LOOKUP)}; import { systemClock } from ${JSON.stringify(CLOCK)};
      const clock = systemClock();
      console.log(JSON.stringify(await lookup({ clock, server: "10.10.2.53", name: "kubernetes.default.svc.cluster.local", timeoutMs: 1000 })));`;
    return JSON.parse(await lab.run(node, process.execPath, ["--input-type=module", "-e", script])) as never;
  }

  test("every pod gets an answer, and only the broken node another one, which is counted", async () => {
    const fine = { kind: "resolved", addresses: ["10.96.0.1"] };
    expect(await lookup("node-1")).toMatchObject(fine);
    const { id } = await lab.inject("dns node-2 servfail");
    expect(await lookup("node-2")).toMatchObject({ kind: "failed", reason: "servfail" });
    expect(await lookup("node-1")).toMatchObject(fine);
    const [ended] = await lab.clear(id);
    // A and AAAA.
    expect(ended!.counters).toEqual({ matched: 2, affected: 2 });
    expect(await lookup("node-2")).toMatchObject(fine);
  });

  test("a CNI that translates between pods keeps nobody from DNS, nor what it knows already", async () => {
    const fine = { kind: "resolved", addresses: ["10.96.0.1"] };
    await lab.inject("masquerade node-1");
    expect(await lookup("node-1")).toMatchObject(fine);
    await lab.clear();
    expect(await lookup("node-1")).toMatchObject(fine);
  });

  test("silence is a timeout, and a late answer is late", async () => {
    await lab.inject("dns node-1 silent");
    expect(await lookup("node-1")).toMatchObject({ kind: "failed", reason: "timeout" });
    await lab.clear();
    await lab.inject("dns node-1 300ms");
    const late = await lookup("node-1");
    expect(late).toMatchObject({ kind: "resolved" });
    expect(late.durationNs).toBeGreaterThanOrEqual(300e6);
  });
});

labTest("a lab without DNS says so", async () => {
  await using lab = await createLab({ nodes: 2, zones: 1, agents: false });
  await expect(lab.inject("dns node-1 silent")).rejects.toThrow("this lab has no DNS server");
});
