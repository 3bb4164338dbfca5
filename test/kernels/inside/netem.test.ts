// The kernel's own faults (netem) beside those of the lab, on the same link, seen by the same stream. Most kernels of a
// workstation or a CI machine come without netem, which is why the lab has faults of its own.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createLab, type Lab } from "../../../lab/lab.ts";
import { inNamespace } from "../../../lab/machine.ts";
import { stream, type Stream } from "./stream.ts";

const COUNT = 300;
const PERIOD_MS = 20;

let lab: Lab;
beforeAll(async () => {
  lab = await createLab({ nodes: 2, zones: 2, agents: false });
  await lab.run("node-1", "ping", ["-c", "3", "-W", "10", lab.node("node-2").podAddresses[0]!]);
});
afterAll(() => lab[Symbol.asyncDispose]());
afterEach(async () => {
  await lab.clear();
  await tc("del").catch(() => {});
});

const send = (): Promise<Stream> =>
  stream({
    from: lab.podNamespace("node-1"),
    to: { namespace: lab.podNamespace("node-2"), address: lab.node("node-2").podAddresses[0]! },
    count: COUNT,
    periodMs: PERIOD_MS,
  });

/** On the switch's port to node-2: all that goes there comes from node-1. */
const tc = (verb: "add" | "del", ...netem: readonly string[]): Promise<string> =>
  inNamespace(lab.fabricNamespace, "tc", [
    "qdisc",
    verb,
    "dev",
    lab.node("node-2").port,
    "root",
    ...(verb === "add" ? ["netem", "limit", "10000", ...netem] : []),
  ]);

async function byKernel(...netem: readonly string[]): Promise<Stream> {
  await tc("add", ...netem);
  const seen = await send();
  await tc("del");
  return seen;
}

async function byLab(fault: string): Promise<Stream> {
  await lab.inject(fault);
  const seen = await send();
  await lab.clear();
  return seen;
}

/** Chance with 300 packets at a quarter: five standard deviations are 12.5 %. */
function expectAQuarter(count: number): void {
  expect(count / COUNT).toBeGreaterThan(0.12);
  expect(count / COUNT).toBeLessThan(0.38);
}

describe("a fault of the lab does to a stream what the kernel's own does", () => {
  test("delay", async () => {
    const kernel = await byKernel("delay", "100ms");
    const ours = await byLab("delay node-1->node-2 100ms");
    expect(ours).toMatchObject({ lost: 0, doubled: 0, overtaken: 0 });
    expect(kernel).toMatchObject({ lost: 0, doubled: 0, overtaken: 0 });
    expect(kernel.delayMs).toBeGreaterThan(100);
    expect(ours.delayMs).toBeGreaterThan(100);
    // The lab's is held by a process, which an emulated processor wakes late.
    expect(ours.delayMs / kernel.delayMs).toBeLessThan(1.5);
  });

  test("loss", async () => {
    for (const seen of [await byKernel("loss", "25%"), await byLab("loss node-1->node-2 25%")]) {
      expectAQuarter(seen.lost);
      expect(seen).toMatchObject({ doubled: 0, overtaken: 0 });
    }
  });

  test("duplicate", async () => {
    for (const seen of [await byKernel("duplicate", "25%"), await byLab("duplicate node-1->node-2 25%")]) {
      expectAQuarter(seen.doubled);
      expect(seen).toMatchObject({ lost: 0, overtaken: 0 });
    }
  });

  test("reorder", async () => {
    // netem lets that part go at once which it reorders, and holds the others: a quarter is held.
    for (const seen of [
      await byKernel("delay", `${3.5 * PERIOD_MS}ms`, "reorder", "75%"),
      await byLab("reorder node-1->node-2 25%"),
    ]) {
      expectAQuarter(seen.overtaken);
      expect(seen).toMatchObject({ lost: 0, doubled: 0 });
    }
  });
});
