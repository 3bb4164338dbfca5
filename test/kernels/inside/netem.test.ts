// The kernel's own faults (netem) beside those of the lab, on the same link, seen by the same stream. Most kernels of a
// workstation or a CI machine come without netem, which is why the lab has faults of its own.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createLab, type Lab } from "../../../lab/lab.ts";
import { inNamespace } from "../../../lab/machine.ts";
import { stream, type Stream } from "./stream.ts";

const COUNT = 300;
const PERIOD_MS = 20;
/** Long against how late an emulated processor wakes the process that holds the lab's packets: a tenth of a second. */
const DELAY_MS = 500;
/** About a third of what the stream offers, so that there is too much of it even from a starved machine. */
const RATE = "32kbit";
/** Packets of the stream that the lab's short queue has room for (QUEUE_BYTES in lab/faults/link.ts), tunnelled. */
const QUEUE_PACKETS = 10;

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
    // The last limit that is given counts.
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

/** An emulated processor that has no turn keeps what lies in its queue, and another one's packets pass it: a few in a hundred. */
const expectInOrder = ({ overtaken }: Stream): void => expect(overtaken / COUNT).toBeLessThan(0.05);

describe("a fault of the lab does to a stream what the kernel's own does", () => {
  test("delay", async () => {
    const kernel = await byKernel("delay", `${DELAY_MS}ms`);
    const ours = await byLab(`delay node-1->node-2 ${DELAY_MS}ms`);
    for (const seen of [kernel, ours]) {
      expect(seen).toMatchObject({ lost: 0, doubled: 0 });
      expectInOrder(seen);
    }
    expect(kernel.delayMs).toBeGreaterThan(DELAY_MS);
    expect(ours.delayMs).toBeGreaterThan(DELAY_MS);
    expect(ours.delayMs / kernel.delayMs).toBeLessThan(1.5);
  });

  test("loss", async () => {
    for (const seen of [await byKernel("loss", "25%"), await byLab("loss node-1->node-2 25%")]) {
      expectAQuarter(seen.lost);
      expect(seen.doubled).toBe(0);
      expectInOrder(seen);
    }
  });

  test("duplicate", async () => {
    for (const seen of [await byKernel("duplicate", "25%"), await byLab("duplicate node-1->node-2 25%")]) {
      expectAQuarter(seen.doubled);
      expect(seen.lost).toBe(0);
      expectInOrder(seen);
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

  test("rate", async () => {
    const kernel = await byKernel("limit", String(QUEUE_PACKETS), "rate", RATE);
    const ours = await byLab(`throttle node-1 ${RATE}`);
    for (const seen of [kernel, ours]) {
      expect(seen.lost / COUNT).toBeGreaterThan(0.25);
      expect(seen.doubled).toBe(0);
      expectInOrder(seen);
    }
    expect(ours.arrivalsPerSecond / kernel.arrivalsPerSecond).toBeGreaterThan(0.8);
    expect(ours.arrivalsPerSecond / kernel.arrivalsPerSecond).toBeLessThan(1.25);
    expect(ours.delayMs / kernel.delayMs).toBeGreaterThan(0.5);
    expect(ours.delayMs / kernel.delayMs).toBeLessThan(2);
  });
});
