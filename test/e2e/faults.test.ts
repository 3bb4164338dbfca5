// What breaks in a cluster, broken on a real one: the mesh says so of exactly the pairs concerned, and of no other.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../cluster/until.ts";
import { UDP_SETTLED_MS, untilHealthy } from "./measured.ts";
import { Release, type Agent } from "./release.ts";
import { namesWhere, since, slotsAmong, slotsOf, wasDead, wasHealthy, type Slots } from "../support/slots.ts";
import { WHY_NOT_FOREIGN } from "./arguments.ts";
import { helms, IS_FOREIGN, report, Target } from "./target.ts";

const NODES = ["node-1", "node-2", "node-3"];
/** By itself Kubernetes takes up to a minute to call a node NotReady, and as long to remove the pods of one that is gone. */
const KUBERNETES_LIMIT_MS = 240_000;
/** A pod that has been terminating for as long is a peer again (docs/membership.md). */
const TERMINATING_LIMIT_MS = 60_000;

describe.skipIf(IS_FOREIGN)(`a mesh of three nodes (${WHY_NOT_FOREIGN})`, () => {
  let target: Target;
  let release: Release;
  beforeAll(async () => {
    const [helm] = await helms();
    target = await Target.open();
    release = await Release.install(target, { helm: helm!, namespace: "internode" });
    await allHealthy();
  });
  afterAll(() => target?.[Symbol.asyncDispose]());

  /** Until a stretch in which just the slots among these nodes are there, all of them answered and nothing lost. */
  async function allHealthy(nodes: readonly string[] = NODES): Promise<void> {
    await untilHealthy(release, slotsAmong(nodes), 150_000);
  }

  /** What these agents counted in the next seconds. */
  async function countedIn(ms: number, agents: readonly Agent[]): Promise<Slots> {
    const before = slotsOf(await release.scrapeAll(agents));
    await sleep(ms);
    return since(before, slotsOf(await release.scrapeAll(agents)));
  }

  const touching = (node: string): readonly string[] =>
    slotsAmong(NODES).filter((slot) => slot.split(" ").includes(node));
  const others = (node: string): readonly string[] => slotsAmong(NODES.filter((name) => name !== node));

  test("a cut link fails the pairs of its node, as seen from both ends, and no other", async () => {
    const agents = await release.agents();
    await target.own.node("node-2").cutLink();
    try {
      await sleep(UDP_SETTLED_MS);
      const counted = await countedIn(12_000, agents);
      expect(namesWhere(counted, wasDead)).toEqual(touching("node-2"));
      expect(namesWhere(counted, wasHealthy)).toEqual(others("node-2"));
    } finally {
      await target.own.node("node-2").healLink();
    }
    await allHealthy();
  });

  test("a node that is drained is measured on; removed, its series go everywhere; added, they come back", async () => {
    await target.own.drain("node-3");
    await allHealthy();
    expect((await release.agents()).map(({ node }) => node)).toEqual(NODES);
    await target.own.removeNode("node-3");
    const removedAt = performance.now();
    await until(
      "the series of node-3 to go",
      async () => {
        const rest = (await release.agents()).filter(({ node }) => node !== "node-3");
        const samples = await release.scrapeAll(rest);
        return (
          rest.length === 2 &&
          samples.every(({ labels }) => labels["destination_node"] !== "node-3" && labels["source_node"] !== "node-3")
        );
      },
      { timeoutMs: KUBERNETES_LIMIT_MS, intervalMs: 1_000 },
    );
    report(`series of a removed node gone ${((performance.now() - removedAt) / 1000).toFixed(1)} s after it was`);
    await until("its pod to go", async () => (await release.agents()).length === 2, {
      timeoutMs: KUBERNETES_LIMIT_MS,
      intervalMs: 1_000,
    });
    await allHealthy(["node-1", "node-2"]);

    await target.own.addNode(3);
    await target.importImage("node-3");
    const addedAt = performance.now();
    await release.rolledOut();
    await allHealthy();
    report(
      `an added node measured by and from all others ${((performance.now() - addedAt) / 1000).toFixed(1)} s after its image was there`,
    );
  });

  test("a dead node keeps no living one from a rollout, and counts as failed again once its pod has been terminating for a minute", async () => {
    const node = target.own.node("node-3");
    const before = await release.agents();
    // The kernel of a frozen node goes on answering pings: this one is off the network as well.
    try {
      await node.freeze();
      await node.cutLink();
      await target.kubectl(["wait", "--for=condition=Ready=Unknown", "node/node-3", "--timeout=180s"], {
        timeoutMs: KUBERNETES_LIMIT_MS,
      });
      const upgradedAt = performance.now();
      await release.upgradeTo({ config: { dns: { intervalMs: 20_000 } } });
      await until(
        "the dead node's endpoint to be terminating",
        async () => {
          const slices = await target.get<{
            items: { endpoints: { nodeName: string; conditions: { terminating: boolean } }[] }[];
          }>(["endpointslices", "--namespace", release.namespace]);
          return slices.items.some(({ endpoints }) =>
            endpoints.some(({ nodeName, conditions }) => nodeName === "node-3" && conditions.terminating),
          );
        },
        { timeoutMs: KUBERNETES_LIMIT_MS, intervalMs: 500 },
      );
      await until(
        "every living agent to be replaced and ready",
        async () => {
          const { status } = await target.get<{ status: { updatedNumberScheduled: number; numberAvailable: number } }>([
            "daemonset",
            release.name,
            "--namespace",
            release.namespace,
          ]);
          return status.updatedNumberScheduled === 2 && status.numberAvailable === 2;
        },
        { timeoutMs: 120_000, intervalMs: 500 },
      );
      report(`a rollout beside a dead node took ${((performance.now() - upgradedAt) / 1000).toFixed(1)} s`);
      // Each agent counts from when it first saw the pod terminating: the last one replaced began just now.
      await sleep(TERMINATING_LIMIT_MS + 10_000);
      const living = (await release.agents()).filter((agent) => agent.node !== "node-3");
      expect(living.map((agent) => agent.node)).toEqual(["node-1", "node-2"]);
      const counted = await countedIn(12_000, living);
      const towardsDead = touching("node-3").filter((slot) => !slot.startsWith("node-3"));
      expect(namesWhere(counted, wasDead)).toEqual(towardsDead);
      expect(namesWhere(counted, wasHealthy)).toEqual(others("node-3"));
    } finally {
      await node.healLink();
      await node.thaw();
    }
    await release.rolledOut();
    const names = before.map(({ name }) => name);
    expect((await release.agents()).filter(({ name }) => names.includes(name))).toEqual([]);
    await allHealthy();
  });
});
