// Flannel's tunnels, and what breaks in them in the field: each fault fails the pod network of just the nodes concerned,
// while the node network stays fine, which is how a reader tells a CNI's fault from a cable's.
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../cluster/until.ts";
import { CniMesh, expectLost, podSlotsBetween, without } from "./mesh.ts";

const PEER_PODS = "10.244.2.0/24";
let mesh: CniMesh;

beforeAll(async () => {
  mesh = await CniMesh.open({ cni: "flannel-vxlan" });
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

const on = (node: string, command: string): Promise<string> =>
  mesh.target.own.node(node).run(["sh", "-e", "-c", command]);
const flannel = (...args: readonly string[]): Promise<string> =>
  mesh.target.kubectl(["--namespace", "kube-flannel", ...args]);

test("every slot is answered by the default values, and path MTU is what the tunnel leaves of 1500", async () => {
  const told = await until(
    "the path MTU of every pair",
    async () => {
      const mtus = (await mesh.release.scrapeAll()).filter(({ name }) => name === "internode_path_mtu_bytes");
      return mtus.length === 6 && mtus.map(({ value }) => value);
    },
    { timeoutMs: 90_000, intervalMs: 1_000 },
  );
  expect(new Set(told)).toEqual(new Set([1450]));
});

test("with a route deleted, the two nodes lose each other's pods in both orders, and nothing else does", async () => {
  const lost = podSlotsBetween(mesh.slots, "node-1", "node-2");
  await on("node-1", `ip route del ${PEER_PODS}`);
  try {
    expect(await mesh.countedNow()).toEqual({ dead: lost, healthy: without(mesh.slots, lost) });
    expectLost(await mesh.matrix(), lost, /node-1.*node-2|node-2.*node-1/);
  } finally {
    await on("node-1", `ip route replace ${PEER_PODS} via 10.244.2.0 dev flannel.1 onlink`);
  }
  await mesh.allHealthy();
});

test("with a wrong forwarding entry, the packets go to a third node, which drops them", async () => {
  const lost = podSlotsBetween(mesh.slots, "node-1", "node-2");
  const [{ address: mac }] = JSON.parse(await on("node-2", "ip -json link show flannel.1")) as [{ address: string }];
  const point = (address: string): Promise<string> =>
    on("node-1", `bridge fdb replace ${mac} dev flannel.1 dst ${address} self permanent`);
  await point("10.100.0.103");
  try {
    expect(await mesh.countedNow()).toEqual({ dead: lost, healthy: without(mesh.slots, lost) });
    expectLost(await mesh.matrix(), lost, /node-1.*node-2|node-2.*node-1/);
  } finally {
    await point("10.100.0.102");
  }
  await mesh.allHealthy();
});

test("a node that Flannel announces under a wrong tunnel address is lost to every other's pods", async () => {
  const overwrite = "flannel.alpha.coreos.com/public-ip-overwrite";
  const restart = async (): Promise<void> => {
    await flannel("delete", "pod", "--field-selector=spec.nodeName=node-2", "--wait");
    await flannel("rollout", "status", "daemonset/kube-flannel-ds", "--timeout=60s");
  };
  const lost = [
    ...podSlotsBetween(mesh.slots, "node-1", "node-2"),
    ...podSlotsBetween(mesh.slots, "node-2", "node-3"),
  ].sort();
  await mesh.target.kubectl(["annotate", "node", "node-2", `${overwrite}=10.100.0.199`]);
  await restart();
  try {
    expect(await mesh.countedNow()).toEqual({ dead: lost, healthy: without(mesh.slots, lost) });
    expectLost(await mesh.matrix(), lost, /node-2/);
  } finally {
    await mesh.target.kubectl(["annotate", "node", "node-2", `${overwrite}-`]);
    await restart();
  }
  await mesh.allHealthy();
});

test("a dead node is lost on both networks, and the others are fine", async () => {
  const { dead, healthy, lost, others, matrix } = await mesh.whileDead("node-3");
  expect({ dead, healthy }).toEqual({ dead: lost, healthy: others });
  expectLost(matrix, lost, /node-3/);
  await mesh.allHealthy();
});

test("with Flannel killed on every node, what it laid goes on carrying packets", async () => {
  await mesh.killFlannel();
  expect(await mesh.countedNow()).toEqual({ dead: [], healthy: mesh.slots });
});
