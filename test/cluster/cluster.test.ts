// The harness itself, on a real cluster: what the chart's tests rely on must be true of it first.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createCgroup } from "./cgroups.ts";
import { createCluster, openCluster, type Cluster } from "./cluster.ts";
import { run } from "./command.ts";
import { spawnDetached } from "./machine.ts";
import { planCluster } from "./plan.ts";
import { isAlive } from "./process-id.ts";
import { removeCluster } from "./remove.ts";
import { countResidue, isClean } from "./residue.ts";
import { folderOf } from "./state.ts";
import { TestPods } from "./test-pods.ts";
import { until } from "./until.ts";

const { log } = console;
const NOTHING = { namespaces: 0, processes: 0, mounts: 0, cgroups: 0, files: 0 };

describe("three nodes", () => {
  const name = `t${process.pid}`;
  let cluster: Cluster;
  let pods: TestPods;

  beforeAll(async () => {
    cluster = await createCluster({ name, log });
    pods = new TestPods(cluster);
    await pods.install();
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  test("all nodes are Ready, each in its zone", async () => {
    const { items } = JSON.parse(await cluster.kubectl(["get", "nodes", "--output=json"])) as {
      items: {
        metadata: { name: string; labels: Record<string, string> };
        status: { conditions: { type: string; status: string }[] };
      }[];
    };
    const seen = items.map(({ metadata, status }) => [
      metadata.name,
      metadata.labels["topology.kubernetes.io/zone"],
      status.conditions.find(({ type }) => type === "Ready")?.status,
    ]);
    expect(seen).toEqual([
      ["node-1", "zone-a", "True"],
      ["node-2", "zone-b", "True"],
      ["node-3", "zone-c", "True"],
    ]);
  });

  test("an unprivileged pod pings every pod and every node, by the safe sysctl alone", async () => {
    const all = await pods.list();
    expect(all.map(({ node }) => node).sort()).toEqual(["node-1", "node-2", "node-3"]);
    for (const source of all) {
      for (const target of all) {
        expect(await pods.reaches(source, target.addresses[0]!), `${source.node} → pod on ${target.node}`).toBe(true);
        expect(await pods.reaches(source, target.nodeAddress), `${source.node} → ${target.node}`).toBe(true);
      }
    }
  });

  test("a namespace at level restricted refuses a pod with a host port", async () => {
    const pod = { spec: { containers: [{ name: "c", image: "x", ports: [{ containerPort: 1, hostPort: 1 }] }] } };
    const manifest = JSON.stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "bad", namespace: "look" },
      ...pod,
    });
    await expect(cluster.kubectl(["create", "-f", "-"], { input: manifest })).rejects.toThrow(
      /violates PodSecurity.*hostPort/s,
    );
  });

  test("endpoints of a headless service carry their node and zone", async () => {
    const endpoints = await pods.endpoints();
    const seen = endpoints.map(({ nodeName, zone }) => `${nodeName} ${zone}`).sort();
    expect(seen).toEqual(["node-1 zone-a", "node-2 zone-b", "node-3 zone-c"]);
  });

  test("a service's name resolves, and its address leads to pods of other nodes too", async () => {
    const all = await pods.list();
    const answered = new Set<string>();
    await until("the service to have led to every pod", async () => {
      answered.add(await pods.fetch(all[0]!, "look.look.svc.cluster.local"));
      return answered.size === 3;
    });
    expect([...answered].sort()).toEqual(all.map(({ name: pod }) => pod).sort());
  });

  test("the API server reaches pods through their nodes", async () => {
    const [pod] = await pods.list();
    const body = await cluster.kubectl(["get", "--raw", `/api/v1/namespaces/look/pods/${pod!.name}:8080/proxy/`]);
    expect(body.trim()).toBe(pod!.name);
  });

  test("a node whose cable is pulled reaches nobody until it is plugged in again", async () => {
    const all = await pods.list();
    const [near, far] = ["node-1", "node-2"].map((node) => all.find((pod) => pod.node === node)!);
    await cluster.node("node-2").cutLink();
    try {
      expect(await pods.reaches(near!, far!.addresses[0]!)).toBe(false);
      expect(await pods.reaches(near!, far!.nodeAddress)).toBe(false);
    } finally {
      await cluster.node("node-2").healLink();
    }
    await until("the pod to be reached again", () => pods.reaches(near!, far!.addresses[0]!));
  });

  test("a frozen node's pods do nothing, its kernel still answers, and thawing resumes both", async () => {
    const all = await pods.list();
    const [near, far] = ["node-1", "node-3"].map((node) => all.find((pod) => pod.node === node)!);
    await cluster.node("node-3").freeze();
    try {
      await expect(pods.fetch(near!, far!.addresses[0]!)).rejects.toThrow(/Timeout exceeded/);
      expect(await pods.reaches(near!, far!.addresses[0]!)).toBe(true);
    } finally {
      await cluster.node("node-3").thaw();
    }
    expect(await pods.fetch(near!, far!.addresses[0]!)).toBe(far!.name);
  });

  test("pods go on without the API server, and it comes back as it was", async () => {
    const server = cluster.controlPlane("kube-apiserver");
    const [first, second] = await pods.list();
    await server.stop();
    expect(server.isRunning).toBe(false);
    await expect(cluster.kubectl(["get", "nodes"])).rejects.toThrow(/Unable to connect|EOF|refused/);
    expect(await cluster.node(first!.node).run(["ping", "-c", "1", "-W", "2", second!.addresses[0]!])).toContain(
      "1 received",
    );
    await server.start();
    await until("the API server to be back", async () => (await cluster.kubectl(["get", "--raw", "/readyz"])) === "ok");
    expect((await pods.list()).map(({ name: pod }) => pod)).toContain(first!.name);
  });

  test("a node is drained, removed and added again by a process that did not start the cluster", async () => {
    const other = openCluster(name);
    await other.drain("node-2");
    expect(await other.kubectl(["get", "node", "node-2", "--output=jsonpath={.spec.unschedulable}"])).toBe("true");
    await other.removeNode("node-2");
    expect(await other.kubectl(["get", "nodes", "--output=name"])).toBe("node/node-1\nnode/node-3\n");
    await until("its endpoint to go", async () => (await pods.endpoints()).length === 2, { timeoutMs: 120_000 });

    const node = await other.addNode(2);
    expect(node.zone).toBe("zone-b");
    await node.importImage(pods.image);
    await until("its pod to be Ready", async () => {
      await pods.rolledOut();
      return (await pods.list()).some((pod) => pod.node === "node-2");
    });
    const all = await pods.list();
    const [old, added] = ["node-1", "node-2"].map((wanted) => all.find((pod) => pod.node === wanted)!);
    expect(await pods.reaches(old!, added!.addresses[0]!)).toBe(true);
    expect(await pods.reaches(added!, old!.addresses[0]!)).toBe(true);
  });

  test("taking it down with pods running and a node frozen leaves nothing, twice", async () => {
    await openCluster(name).node("node-1").freeze();
    expect(await removeCluster(name)).toEqual(NOTHING);
    expect(await removeCluster(name)).toEqual(NOTHING);
  });
});

describe("two nodes with both address families", () => {
  test("pods have an address of each family and reach each other over both", async () => {
    await using cluster = await createCluster({ name: `d${process.pid}`, nodes: 2, zones: 2, families: "both", log });
    const pods = new TestPods(cluster);
    await pods.install();
    const [source, target] = await pods.list();
    expect(target!.addresses.map((address) => address.includes(":"))).toEqual([false, true]);
    for (const address of target!.addresses) expect(await pods.reaches(source!, address), address).toBe(true);
    expect(await pods.reaches(source!, cluster.node(target!.node).plan.addresses[1]!)).toBe(true);
    const services = await cluster.kubectl([
      "-n",
      "look",
      "get",
      "service",
      "look",
      "--output=jsonpath={.spec.clusterIPs[1]}",
    ]);
    expect(await pods.fetch(source!, `[${services}]`)).toMatch(/^look-/);
  });
});

test("a cluster of which one machine cannot be plugged in is taken down with all its others", async () => {
  const broken = `b${process.pid}`;
  const { prefix } = planCluster({ name: broken });
  await run("ip", ["netns", "add", `${prefix}node-2`]);
  await expect(createCluster({ name: broken })).rejects.toThrow(/File exists/);
  expect(await removeCluster(broken)).toEqual(NOTHING);
});

test("what is left of a cluster is counted", async () => {
  const name = `r${process.pid}`;
  const { prefix } = planCluster({ name });
  const traces = { prefix, folder: folderOf(name), namespaces: [], processes: [] };
  expect(await countResidue(traces)).toEqual(NOTHING);
  await run("ip", ["netns", "add", `${prefix}left`]);
  await createCgroup(`${prefix}left`);
  await mkdir(folderOf(name), { recursive: true });
  const log = join(folderOf(name), "log");
  const left = spawnDetached(["ip", "netns", "exec", `${prefix}left`, "sleep", "600"], {
    cgroup: `${prefix}left`,
    log,
  });
  try {
    const residue = await until("the process to be counted", async () => {
      const counted = await countResidue(traces);
      return counted.processes === 1 && counted;
    });
    expect(residue).toMatchObject({ namespaces: 1, files: 2 });
    expect(residue.mounts).toBeGreaterThan(0);
    expect(residue.cgroups).toBeGreaterThan(0);
    expect(isClean(residue)).toBe(false);
  } finally {
    expect(await removeCluster(name)).toEqual(NOTHING);
  }
  expect(isAlive(left)).toBe(false);
});
