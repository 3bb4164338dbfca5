// Claims of runs over time, by a clock of the test's own: keepers that start anew, cannot be asked, or are others now.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ClaimBook, keepersOf, LEASE_SECONDS, type Claim } from "../../agent/actions/claims.ts";
import { Leases, type Lease } from "../../agent/actions/leases.ts";

const node = (name: string) => ({ name, zone: "" });

/** Agents that can be cut off or started anew. */
class Mesh {
  readonly books = new Map<string, ClaimBook>();
  readonly cutOff = new Set<string>();
  readonly asked: Claim[] = [];

  constructor(count: number) {
    for (let i = 1; i <= count; i++) this.books.set(`node-${i}`, new ClaimBook({ isNew: false }));
  }

  get keepers(): readonly string[] {
    return keepersOf([...this.books.keys()].map(node)).map(({ name }) => name);
  }

  start(name: string): void {
    this.books.set(name, new ClaimBook());
  }

  async claim(self: string, run: string, { mustBeGranted = true, signal = new AbortController().signal } = {}) {
    const leases = new Leases({
      self: node(self),
      others: () => [...this.books.keys()].filter((name) => name !== self).map(node),
      ask: async (keeper, claim) => {
        this.asked.push(claim);
        return this.cutOff.has(keeper) ? undefined : this.books.get(keeper)!.take(claim);
      },
    });
    return leases.claim({ action: "throughput", run: run.repeat(16), limit: 1, mustBeGranted, token: "", signal });
  }

  async held(self: string, run: string): Promise<Lease> {
    const claimed = await this.claim(self, run);
    if (!("lease" in claimed)) throw new Error(`not granted: ${JSON.stringify(claimed)}`);
    return claimed.lease;
  }
}

const seconds = (n: number) => vi.advanceTimersByTimeAsync(n * 1_000);

let mesh: Mesh;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
  mesh = new Mesh(9);
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a run that must be alone", () => {
  test("is renewed for as long as it lasts, and its place is free as soon as it ends", async () => {
    const lease = await mesh.held("node-1", "a");
    await seconds(20 * LEASE_SECONDS);
    expect(lease.lost.aborted).toBe(false);
    expect(await mesh.claim("node-2", "b")).toMatchObject({ why: { kind: "taken", holder: "node-1" } });
    lease[Symbol.dispose]();
    await seconds(0);
    expect(await mesh.claim("node-2", "b")).toHaveProperty("lease");
  });

  test("keeps its place when every keeper starts anew, even at the same moment", async () => {
    using lease = await mesh.held("node-1", "a");
    for (const name of mesh.keepers) mesh.start(name);
    const second = mesh.claim("node-2", "b");
    await seconds(LEASE_SECONDS);
    expect(await second).toMatchObject({ why: { kind: "taken", holder: "node-1" } });
    expect(lease.lost.aborted).toBe(false);
  });

  test("ends before another can begin when most keepers cannot be told of it any more", async () => {
    using lease = await mesh.held("node-1", "a");
    for (const name of mesh.keepers.slice(0, 3)) mesh.cutOff.add(name);
    await seconds(LEASE_SECONDS - 2);
    expect(lease.lost.aborted).toBe(false);
    await seconds(3);
    expect(lease.lost.aborted).toBe(true);
  });

  test("goes on when two keepers of five are gone for good", async () => {
    using lease = await mesh.held("node-1", "a");
    for (const name of mesh.keepers.slice(0, 2)) mesh.cutOff.add(name);
    await seconds(3 * LEASE_SECONDS);
    expect(lease.lost.aborted).toBe(false);
    expect(await mesh.claim("node-2", "b")).toMatchObject({ why: { kind: "taken" } });
  });

  test("is known to those that become keepers later, by the next renewal", async () => {
    using _ = await mesh.held("node-1", "a");
    for (const name of mesh.keepers.filter((one) => one !== "node-1").slice(0, 4)) mesh.books.delete(name);
    await seconds(3);
    expect(await mesh.claim("node-1", "b")).toMatchObject({ why: { kind: "taken", holder: "node-1" } });
  });

  test("waits until keepers that have just started know what runs, and no longer", async () => {
    for (const name of mesh.keepers) mesh.start(name);
    let claimed: Awaited<ReturnType<Mesh["claim"]>> | undefined;
    void mesh.claim("node-1", "a").then((one) => (claimed = one));
    await seconds(LEASE_SECONDS - 1);
    expect(claimed).toBeUndefined();
    await seconds(2);
    expect(claimed).toHaveProperty("lease");
    (claimed as { lease: Lease }).lease[Symbol.dispose]();
  });

  test("does not wait for them any more when whoever asked is gone, and leaves no claim", async () => {
    for (const name of mesh.keepers) mesh.start(name);
    const left = new AbortController();
    const claimed = mesh.claim("node-1", "a", { signal: left.signal });
    await seconds(2);
    left.abort();
    await seconds(1);
    expect(await claimed).toMatchObject({ why: { kind: "abstained" } });
    expect(mesh.asked.at(-1)).toMatchObject({ seconds: 0 });
  });
});

test("a renewal that is under way when a run ends does not come after its claim was given back", async () => {
  const lease = await mesh.held("node-1", "a");
  await seconds(2.1);
  lease[Symbol.dispose]();
  await seconds(LEASE_SECONDS);
  expect(mesh.asked.slice(-5).every((claim) => claim.seconds === 0)).toBe(true);
});

test("any other run begins at once where all keepers have just started, and is not ended when they are gone", async () => {
  for (const name of mesh.keepers) mesh.start(name);
  const claimed = await mesh.claim("node-1", "a", { mustBeGranted: false });
  expect(claimed).toHaveProperty("lease");
  for (const name of mesh.books.keys()) mesh.cutOff.add(name);
  await seconds(3 * LEASE_SECONDS);
  const { lease } = claimed as { readonly lease: Lease };
  expect(lease.lost.aborted).toBe(false);
  lease[Symbol.dispose]();
});
