// What is broken in real clusters, by the network of each, and what is right to say of it. As in the lab's plan, answers are
// what the catalogue says of such a fault.
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "../../cluster/cluster.ts";
import { until } from "../../cluster/until.ts";
import type { Truth } from "./recording.ts";

export const RECORDED_CNIS = ["flannel-vxlan", "kube-router"] as const;
export type RecordedCni = (typeof RECORDED_CNIS)[number];

export interface ClusterScene {
  readonly name: string;
  /** After "three nodes with Flannel: ". */
  readonly what: string;
  readonly truths: readonly Truth[];
  readonly seconds: number;
  /** Returns when it is broken, with what makes it whole again. */
  readonly break: (cluster: Cluster) => Promise<() => Promise<unknown>>;
}

/** How long a session of BGP is held without a word of the other side, and a while to connect anew. */
const BGP_LIMIT_MS = 300_000;
const PAIR_CUT: Truth = { code: "IN-PAIR-CUT", subject: "node-2,node-3", cause: "stale-entry" };

const on = (cluster: Cluster, node: string, command: string): Promise<string> =>
  cluster.node(node).run(["sh", "-e", "-c", command]);

async function vtepOf(cluster: Cluster, node: string): Promise<string> {
  const links = JSON.parse(await on(cluster, node, "ip -json link show flannel.1")) as readonly { address: string }[];
  return links[0]!.address;
}

/** The kernel of a node that is only stopped goes on answering. */
async function die(cluster: Cluster): Promise<() => Promise<void>> {
  const node = cluster.node("node-3");
  await node.freeze();
  await node.cutLink();
  return async () => {
    await node.healLink();
    await node.thaw();
  };
}

const NODE_DEAD: ClusterScene = {
  name: "node-dead",
  what: "a node dies",
  truths: [{ code: "IN-NODE-DOWN", subject: "node-3", cause: "node-dead" }],
  seconds: 90,
  break: die,
};

const FLANNEL: readonly ClusterScene[] = [
  {
    name: "route-deleted",
    what: "a node loses its route to another one's pods",
    truths: [PAIR_CUT],
    seconds: 60,
    break: async (cluster) => {
      await on(cluster, "node-2", "ip route del 10.244.3.0/24");
      return () => on(cluster, "node-2", "ip route replace 10.244.3.0/24 via 10.244.3.0 dev flannel.1 onlink");
    },
  },
  {
    name: "wrong-entry",
    what: "a node's forwarding entry for another one names a third",
    truths: [PAIR_CUT],
    seconds: 60,
    break: async (cluster) => {
      const mac = await vtepOf(cluster, "node-3");
      const point = (address: string): Promise<string> =>
        on(cluster, "node-2", `bridge fdb replace ${mac} dev flannel.1 dst ${address} self permanent`);
      await point("10.100.0.101");
      return () => point("10.100.0.103");
    },
  },
  NODE_DEAD,
  {
    name: "wrong-address",
    what: "every other node's forwarding entry for a node names an address that nobody has",
    truths: [
      {
        code: "IN-POD-NETWORK",
        subject: "node-2",
        cause: "cni",
        or: [
          { code: "IN-BETWEEN", subject: "node-1,node-2" },
          { code: "IN-BETWEEN", subject: "node-2,node-3" },
        ],
      },
    ],
    seconds: 90,
    break: async (cluster) => {
      const mac = await vtepOf(cluster, "node-2");
      const point = async (address: string): Promise<void> => {
        for (const node of ["node-1", "node-3"])
          await on(cluster, node, `bridge fdb replace ${mac} dev flannel.1 dst ${address} self permanent`);
      };
      await point("10.100.0.199");
      return () => point("10.100.0.102");
    },
  },
  {
    name: "killed",
    what: "its daemon ends on every node, and what it laid stays",
    truths: [],
    seconds: 90,
    break: async (cluster) => {
      const daemon = ["--namespace", "kube-flannel"];
      const select = (nodeSelector: object): Promise<string> => {
        const patch = JSON.stringify({ spec: { template: { spec: { nodeSelector } } } });
        return cluster.kubectl([...daemon, "patch", "daemonset", "kube-flannel-ds", "--patch", patch]);
      };
      await select({ nowhere: "true" });
      await cluster.kubectl([...daemon, "wait", "pod", "--all", "--for=delete", "--timeout=60s"]);
      return async () => {
        await select({ nowhere: null });
        await cluster.kubectl([...daemon, "rollout", "status", "daemonset/kube-flannel-ds", "--timeout=110s"]);
      };
    },
  },
];

const KUBE_ROUTER: readonly ClusterScene[] = [
  NODE_DEAD,
  {
    name: "route-deleted",
    what: "a node loses its route to another one's pods, each time that it is laid again",
    truths: [PAIR_CUT],
    seconds: 60,
    break: async (cluster) => {
      const route = (await on(cluster, "node-2", "ip route show 10.244.3.0/24")).trim();
      const repaired = new AbortController();
      const remove = (): Promise<string> => on(cluster, "node-2", "ip route del 10.244.3.0/24 2> /dev/null || true");
      await remove();
      const kept = (async () => {
        for (; !repaired.signal.aborted; await sleep(300)) await remove();
      })();
      return async () => {
        repaired.abort();
        await kept;
        await on(cluster, "node-2", `ip route replace ${route}`);
      };
    },
  },
  {
    name: "bgp-down",
    what: "a node's BGP sessions are reset and refused, and each side withdraws its routes",
    // Its kubelet reports all the time, over the nodes' own network. Its own routes go first, those of the others each in its
    // time: until then it is its pod network that is lost, and then its address to one of the others.
    truths: [
      {
        code: "IN-NODE-DOWN",
        subject: "node-2",
        cause: "node-cut-off",
        or: [
          { code: "IN-POD-NETWORK", subject: "node-2" },
          { code: "IN-BETWEEN", subject: "node-1,node-2" },
          { code: "IN-BETWEEN", subject: "node-2,node-3" },
        ],
      },
    ],
    seconds: 180,
    break: async (cluster) => {
      const knows = async (node: string, pods: string): Promise<boolean> =>
        (await on(cluster, node, "ip route")).includes(pods);
      const limit = { timeoutMs: BGP_LIMIT_MS, intervalMs: 250 };
      const rules = `table inet nobgp {
        chain in { type filter hook input priority 0; tcp dport 179 reject with tcp reset; tcp sport 179 reject with tcp reset; }
        chain out { type filter hook output priority 0; tcp flags rst accept; tcp dport 179 reject with tcp reset; tcp sport 179 reject with tcp reset; }
      }`;
      await cluster.node("node-2").run(["nft", "-f", "-"], { input: rules });
      await until(
        "the first route to be withdrawn",
        async () => !(await knows("node-1", "10.244.2.0/24")) || !(await knows("node-2", "10.244.1.0/24")),
        limit,
      );
      return async () => {
        await on(cluster, "node-2", "nft delete table inet nobgp");
        for (const [node, pods] of [
          ["node-1", "10.244.2.0/24"],
          ["node-3", "10.244.2.0/24"],
          ["node-2", "10.244.1.0/24"],
          ["node-2", "10.244.3.0/24"],
        ] as const)
          await until(`the route of ${node} to come back`, () => knows(node, pods), limit);
      };
    },
  },
];

export const CLUSTER_SCENES: Readonly<
  Record<RecordedCni, { readonly on: string; readonly scenes: readonly ClusterScene[] }>
> = {
  "flannel-vxlan": { on: "flannel", scenes: FLANNEL },
  "kube-router": { on: "kube-router", scenes: KUBE_ROUTER },
};
