// A cluster that has IPv6 alone, for all that every other suite does with IPv4. Then five minutes without its API server:
// probing goes on, and afterwards the mesh follows again.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../cluster/until.ts";
import type { Sample } from "../support/exposition-parser.ts";
import { untilAnswered, untilHealthy } from "./measured.ts";
import { Release } from "./release.ts";
import { namesWhere, since, slotsAmong, slotsOf, wasHealthy } from "../support/slots.ts";
import { WHY_NOT_FOREIGN } from "./arguments.ts";
import { helms, IS_FOREIGN, Target } from "./target.ts";

const NODES = ["node-1", "node-2", "node-3"];
const SLOTS = slotsAmong(
  NODES,
  ["pod icmp", "pod tcp", "pod udp", "node icmp"].map((kind) => `${kind} ipv6`),
);
const OUTAGE_MS = 5 * 60_000;

describe.skipIf(IS_FOREIGN)(`a cluster with IPv6 alone (${WHY_NOT_FOREIGN})`, () => {
  let target: Target;
  let release: Release;
  beforeAll(async () => {
    const [helm] = await helms();
    target = await Target.open({ families: "ipv6" });
    release = await Release.install(target, { helm: helm!, namespace: "internode" });
    await untilAnswered(release, SLOTS);
  });
  afterAll(() => target?.[Symbol.asyncDispose]());

  const valuesOf = (samples: readonly Sample[], metric: string): readonly number[] =>
    samples.filter(({ name }) => name === metric).map(({ value }) => value);

  test("every pair is measured over both networks by the defaults, path MTU and DNS included, and helm test passes", async () => {
    expect(namesWhere(await untilHealthy(release, SLOTS), wasHealthy)).toEqual(SLOTS);
    const told = await until(
      "the path MTU of every pair",
      async () => {
        const now = await release.scrapeAll();
        return valuesOf(now, "internode_path_mtu_bytes").length === slotsAmong(NODES, ["pod"]).length && now;
      },
      { timeoutMs: 90_000, intervalMs: 1_000 },
    );
    // What the tunnel leaves of 1500: an IPv6 header more than with IPv4.
    expect(new Set(valuesOf(told, "internode_path_mtu_bytes"))).toEqual(new Set([1430]));
    expect(new Set(valuesOf(told, "internode_protocol_available"))).toEqual(new Set([1]));
    const lookups = valuesOf(told, "internode_dns_lookups_total").reduce((sum, count) => sum + count, 0);
    expect(lookups).toBeGreaterThan(0);
    expect(new Set(valuesOf(told, "internode_dns_failures_total"))).toEqual(new Set([0]));
    expect(await release.test()).toMatch(/Phase: +Succeeded/);
    expect(await release.internode("matrix", "--family", "ipv6")).toMatch(/^3 of 3 rows/m);
  });

  test("no pair loses a probe while the API server is away for five minutes, the agents tell how old their peers are, and a rollout after it is followed", async () => {
    const server = target.own.controlPlane("kube-apiserver");
    const agents = await release.agents();
    const first = await release.scrapeAll(agents);
    await server.stop();
    try {
      await sleep(OUTAGE_MS);
      expect(server.isRunning).toBe(false);
      const last = await release.scrapeAll(agents);
      const counted = since(slotsOf(first), slotsOf(last));
      expect(namesWhere(counted, wasHealthy)).toEqual(SLOTS);
      // One a second for ICMP, one in five for the others. One may be under way at either end, and the delay of a UDP
      // answer is known up to three probes later.
      const due = (protocol: string): number =>
        OUTAGE_MS / 1000 / (protocol === "icmp" ? 1 : 5) - (protocol === "udp" ? 4 : 2);
      expect(namesWhere(counted, ({ protocol, answers }) => answers >= due(protocol))).toEqual(SLOTS);
      expect(
        last
          .filter(({ name, labels }) => name === "internode_peers" && labels["state"] === "serving")
          .map(({ value }) => value),
      ).toEqual(NODES.map(() => NODES.length - 1));
      const ages = valuesOf(last, "internode_discovery_last_sync_timestamp_seconds").map(
        (at) => Date.now() / 1000 - at,
      );
      expect(ages.map((ageS) => ageS > OUTAGE_MS / 1000 - 30)).toEqual(NODES.map(() => true));
      expect(valuesOf(last, "internode_discovery_errors_total").map((errors) => errors > 0)).toEqual(
        NODES.map(() => true),
      );
    } finally {
      await server.start();
    }
    await until("the API server to be back", async () => (await target.kubectl(["get", "--raw", "/readyz"])) === "ok");
    await until(
      "every agent to be in step with it",
      async () => {
        const ages = valuesOf(await release.scrapeAll(agents), "internode_discovery_last_sync_timestamp_seconds").map(
          (at) => Date.now() / 1000 - at,
        );
        return ages.length === NODES.length && ages.every((ageS) => ageS < 60);
      },
      { timeoutMs: 120_000, intervalMs: 1_000 },
    );

    await release.kubectl(["rollout", "restart", `daemonset/${release.name}`]);
    await release.rolledOut();
    const slots = await untilAnswered(release, SLOTS, 90_000);
    expect(new Set([...slots.values()].map(({ source }) => source))).toEqual(new Set(NODES));
  });
});
