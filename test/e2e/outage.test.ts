// Five minutes without an API server, on a real cluster: probing goes on, and afterwards the mesh follows again.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../cluster/until.ts";
import type { Sample } from "../support/exposition-parser.ts";
import { untilAnswered } from "./measured.ts";
import { Release } from "./release.ts";
import { namesWhere, since, slotsAmong, slotsOf } from "./slots.ts";
import { helms, IS_FOREIGN, Target, WHY_NOT_FOREIGN } from "./target.ts";

const NODES = ["node-1", "node-2", "node-3"];
const OUTAGE_MS = 5 * 60_000;

describe.skipIf(IS_FOREIGN)(`an API server that is away for five minutes (${WHY_NOT_FOREIGN})`, () => {
  let target: Target;
  let release: Release;
  beforeAll(async () => {
    const [helm] = await helms();
    target = await Target.open();
    release = await Release.install(target, { helm: helm!, namespace: "internode" });
    await untilAnswered(release, slotsAmong(NODES));
  });
  afterAll(() => target?.[Symbol.asyncDispose]());

  const valuesOf = (samples: readonly Sample[], metric: string): readonly number[] => samples.filter(({ name }) => name === metric).map(({ value }) => value);

  test("no pair loses a probe meanwhile, the agents tell how old their peers are, and a rollout after it is followed", async () => {
    const server = target.own.controlPlane("kube-apiserver");
    const agents = await release.agents();
    const first = await release.scrapeAll(agents);
    await server.stop();
    try {
      await sleep(OUTAGE_MS);
      expect(server.isRunning).toBe(false);
      const last = await release.scrapeAll(agents);
      const counted = since(slotsOf(first), slotsOf(last));
      expect([...counted.keys()].sort()).toEqual(slotsAmong(NODES));
      expect(namesWhere(counted, ({ failures }) => failures > 0)).toEqual([]);
      // One a second for ICMP, one in five for the others; a few seconds are spent looking.
      const due = (protocol: string): number => (OUTAGE_MS / 1000) / (protocol === "icmp" ? 1 : 5);
      expect(namesWhere(counted, ({ protocol, answers }) => answers < due(protocol) - 2)).toEqual([]);
      expect(valuesOf(last, "internode_peers").reduce((sum, value) => sum + value, 0)).toBe(NODES.length * (NODES.length - 1));
      const ages = valuesOf(last, "internode_discovery_last_sync_timestamp_seconds").map((at) => Date.now() / 1000 - at);
      expect(ages.filter((ageS) => ageS < OUTAGE_MS / 1000 - 30)).toEqual([]);
      expect(valuesOf(last, "internode_discovery_errors_total").filter((errors) => errors === 0)).toEqual([]);
    } finally {
      await server.start();
    }
    await until("the API server to be back", async () => (await target.kubectl(["get", "--raw", "/readyz"])) === "ok");
    await until("every agent to be in step with it", async () => {
      const ages = valuesOf(await release.scrapeAll(agents), "internode_discovery_last_sync_timestamp_seconds").map((at) => Date.now() / 1000 - at);
      return ages.every((ageS) => ageS < 60);
    }, { timeoutMs: 120_000, intervalMs: 1_000 });

    await release.kubectl(["rollout", "restart", `daemonset/${release.name}`]);
    await release.rolledOut();
    const slots = await untilAnswered(release, slotsAmong(NODES), 90_000);
    expect(new Set([...slots.values()].map(({ source }) => source))).toEqual(new Set(NODES));
  });
});
