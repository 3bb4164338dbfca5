// A fault must not hide the row that tells of it: rows in the lab's real networks, broken for real.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Snapshot } from "../../agent/model/snapshot.ts";
import type { PairDetail } from "../../agent/model/pair-detail.ts";
import { parseSnapshot } from "../../agent/peers/schema.ts";
import { createLab, type Lab } from "../../lab/lab.ts";
import { getOverProxy } from "./lab-proxy.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("namespaces");

describe("rows behind a fault", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await createLab({ nodes: 4, zones: 2, settings: { icmp: { intervalMs: 200, timeoutMs: 150 } } });
    await snapshotWhere(({ rows }) => rows.length === 4);
  });
  afterEach(async () => {
    await lab.clear();
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
  });

  /** As node-1 sees it, once it is so. */
  async function snapshotWhere(isSo: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
    let last: Snapshot | undefined;
    for (let tries = 0; tries < 60; tries++) {
      const text = await getOverProxy(lab, "node-1", "/api/v1/mesh", 5_000);
      last = text === undefined ? undefined : parseSnapshot(JSON.parse(text));
      if (last !== undefined && isSo(last)) return last;
      await sleep(500);
    }
    throw new Error(
      `never so; the last snapshot misses ${JSON.stringify(last?.missing)}, relayed ${JSON.stringify(last?.relayed)}`,
    );
  }

  test("where large packets vanish the row comes from its own agent, in small ones", async () => {
    const longest = Buffer.byteLength((await getOverProxy(lab, "node-3", "/api/v1/pairs"))!);
    expect(longest).toBeGreaterThan(1_200);
    await lab.inject("mtu node-1<->node-3 1200");
    for (let i = 0; i < 3; i++) {
      const { rows, missing, relayed } = await snapshotWhere(() => true);
      expect({ rows: rows.map((r) => r.source.name), missing, relayed }).toEqual({
        rows: ["node-1", "node-2", "node-3", "node-4"],
        missing: [],
        relayed: undefined,
      });
      await sleep(1_050);
    }
  });

  test("where nothing passes the row comes by way of two others, and directly again afterwards", async () => {
    await lab.inject("drop node-1<->node-3");
    const { rows, relayed } = await snapshotWhere((s) => s.relayed !== undefined);
    expect(relayed).toMatchObject([
      { node: { name: "node-3" }, trust: "agreed", by: expect.arrayContaining(["node-2", "node-4"]) as string[] },
    ]);
    expect(relayed![0]!.reason).toMatch(/^no answer from 10\.244\.3\.2:8843 within 1 s/);
    expect(rows.map((r) => r.source.name)).toContain("node-3");
    const pair = JSON.parse(
      (await getOverProxy(lab, "node-1", "/api/v1/pair?source=node-3&destination=node-1", 5_000))!,
    ) as PairDetail;
    expect(pair.directions[0]).toMatchObject({ relayed: { trust: "agreed" }, row: { source: { name: "node-3" } } });
    await lab.clear();
    await snapshotWhere((s) => s.relayed === undefined && s.rows.length === 4);
  });

  test("only what nobody can reach is missing", async () => {
    await lab.inject("drop node-3");
    const { missing } = await snapshotWhere((s) => s.missing.length > 0);
    expect(missing.map((m) => m.node.name)).toEqual(["node-3"]);
    expect(missing[0]!.reason).toMatch(/node-[24] and node-[24] cannot get it either/);
  });
});
