// What a machine has once for all its networks, and so for all nodes of a cluster that is made on one: as tests, with every
// pod network. Each waits until no other network is there, which would be broken as well.
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { SoftnetEffect } from "../../../lab/faults/fault.ts";
import { FloodedNode } from "../../../lab/faults/flooded-node.ts";
import { FullNeighbours } from "../../../lab/faults/full-neighbours.ts";
import { networksBeside } from "../../../lab/faults/machine-wide.ts";
import { withinOf, type Within } from "../../../lab/machine.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { namespaceNames } from "../../cluster/fabric.ts";
import { until } from "../../cluster/until.ts";
import { BGP_LIMIT_MS, ranked } from "./kernel-causes.ts";
import type { CniMesh } from "./mesh.ts";
import { causedBy, on } from "./named-cause.ts";

/** Somebody's lab beside this cluster. */
const OTHERS_LIMIT_MS = 600_000;
/** What delay is usual is known after five minutes. */
const USUAL_KNOWN_MS = 330_000;

/** Of the machines and the bridge between them, which this machine has by name, and of pods, which only their nodes have. */
async function networksOf({ plan, nodes }: Cluster): Promise<readonly Within[]> {
  const named = (await namespaceNames(plan.prefix)).map(withinOf);
  const ofPods = nodes.map(async (node): Promise<readonly Within[]> => {
    const lines = (await node.run(["ip", "netns", "list"])).split("\n").filter((line) => line !== "");
    return lines.map(
      (line) => (command, args, options) =>
        node.run(["ip", "netns", "exec", line.split(" ")[0]!, command, ...args], options),
    );
  });
  return [...named, ...(await Promise.all(ofPods)).flat()];
}

/** What all networks of this machine share is broken only where there are none but the cluster's. */
const othersGone = ({ plan }: Cluster): Promise<boolean> =>
  until(
    "the other networks of this machine to go",
    async () => (await networksBeside((name) => name.startsWith(plan.prefix))).length === 0,
    { timeoutMs: OTHERS_LIMIT_MS, intervalMs: 1_000 },
  );

/** The node that judges last, by the one before it. */
async function whileFlooded(
  mesh: CniMesh,
  effect: SoftnetEffect,
  work: (node: string) => Promise<void>,
): Promise<void> {
  const cluster = mesh.target.own;
  const [from, to] = (await ranked(mesh)).slice(-2).map((name) => cluster.node(name));
  await othersGone(cluster);
  const flooded = new FloodedNode({
    node: { within: withinOf(to!.machine.name), address: to!.plan.addresses[0]! },
    from: { namespace: from!.machine.name, address: from!.plan.addresses[0]! },
    networks: await networksOf(cluster),
    effect,
    table: "flood",
  });
  await flooded.flood();
  try {
    await work(to!.name);
  } finally {
    await flooded.drain();
  }
  await mesh.allHealthy();
}

/** `open`: the mesh, once a suite has it. */
export function namesSharedCauses(open: () => CniMesh): void {
  // One node does not learn another's address again, so they lose each other on both networks. The table is one for
  // all nodes of this machine, so that all tell of it, and would break others' networks as well.
  test("doctor names the neighbour table that is full", async () => {
    const mesh = open();
    const cluster = mesh.target.own;
    const [, other, node] = (await ranked(mesh)) as [string, string, string];
    await othersGone(cluster);
    const routes = (): Promise<readonly string[]> => Promise.all([other, node].map((one) => on(mesh, one, "ip route")));
    const before = await routes();
    const table = new FullNeighbours(
      [{ within: withinOf(cluster.node(node).machine.name), forgotten: cluster.node(other).plan.addresses }],
      await networksOf(cluster),
    );
    await table.fill();
    try {
      const { subject, next, causes } = await causedBy(
        mesh,
        /^the neighbour table of node-\d was full (once|\d+ times) in \d+ s: it holds \d+ entries of IPv4 \(net\.ipv4\.neigh\.default\.gc_thresh3\)/,
      );
      expect(subject).toEqual({ kind: "pair", nodes: [node, other].sort() });
      expect(next).toMatch(new RegExp(`^internode counters (${node}|${other})$`));
      expect(causes[0]!.kind).toBe("neighbour-full");
    } finally {
      await table.empty();
    }
    // Those of BGP go when a session has been silent for too long.
    await until("the routes to be as before", async () => String(await routes()) === String(before), {
      timeoutMs: BGP_LIMIT_MS,
      intervalMs: 1_000,
    });
    await mesh.allHealthy();
  });

  // The processors are all nodes' of this machine: one of them has nothing to do but what the flooded node's link receives.
  test("doctor names the processor's queue that is full", async () => {
    const mesh = open();
    await whileFlooded(mesh, "drops", async (node) => {
      const { next, causes } = await causedBy(
        mesh,
        new RegExp(
          `^the kernel of ${node} dropped [\\d,]+ packets in \\d+ s because a processor's queue was full \\(net\\.core\\.netdev_max_backlog\\)`,
        ),
        { node },
      );
      expect([next, causes[0]!.kind]).toEqual([`internode counters ${node}`, "queue"]);
    });
  });

  test("doctor names the processor that lets packets wait", async () => {
    const mesh = open();
    await sleep(USUAL_KNOWN_MS);
    await whileFlooded(mesh, "squeezes", async (node) => {
      const { code, next, causes } = await causedBy(
        mesh,
        new RegExp(
          `^the kernel of ${node} ran out of time \\d+ times in \\d+ s with packets still waiting \\(net\\.core\\.netdev_budget\\)`,
        ),
        { node },
      );
      expect([code, next, causes[0]!.kind]).toEqual(["IN-LATENCY", `internode counters ${node}`, "queue"]);
    });
  });
}
