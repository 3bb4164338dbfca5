// kube-router's routes and its firewall: the chart's own NetworkPolicy in force, what a stranger gets, what policies that
// forbid too much look like, and a BGP session that is down.
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../cluster/until.ts";
import { failingCells, notesOf } from "../../support/matrix-cells.ts";
import { CniMesh, expectLost, NODES, PORTS, STRANGERS_MAY, whatStrangersMay, without } from "./mesh.ts";

const NAMESPACE = "internode";
/** How long a session is held without a word of the other side, and a while to connect anew. */
const BGP_LIMIT_MS = 240_000;

interface PolicyPort {
  readonly protocol: "TCP" | "UDP";
  readonly port: number;
}

let mesh: CniMesh;

beforeAll(async () => {
  mesh = await CniMesh.open({ cni: "kube-router", policy: "kube-router" });
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

const on = (node: string, argv: readonly string[], input?: string): Promise<string> =>
  mesh.target.own.node(node).run(argv, input === undefined ? {} : { input });
const ofProtocols = (...protocols: readonly string[]): readonly string[] =>
  mesh.slots.filter((slot) => protocols.some((protocol) => slot.endsWith(`pod ${protocol}`)));

/** Its rules, without the counters and dates that come with them. */
async function firewallOf(node: string): Promise<string> {
  const saved = await on(node, ["iptables-save", "--table", "filter"]);
  return saved.replace(/^[#:].*$/gm, "");
}

/** In place of the chart's, which lets agents reach each other by everything. */
async function allowOnly(ports: readonly PolicyPort[], work: () => Promise<void>): Promise<void> {
  const { metadata, spec } = await mesh.target.get<{ metadata: { name: string }; spec: { podSelector: object } }>([
    "networkpolicy",
    mesh.release.name,
    "--namespace",
    NAMESPACE,
  ]);
  const policy = (rules: object): object => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: metadata.name, namespace: NAMESPACE },
    spec: rules,
  });
  const replace = async (rules: object): Promise<void> => {
    await mesh.target.kubectl(["replace", "-f", "-"], { input: JSON.stringify(policy(rules)) });
  };
  const before = await Promise.all(NODES.map(firewallOf));
  await replace({ podSelector: spec.podSelector, policyTypes: ["Ingress"], ingress: [{ ports }] });
  try {
    await until(
      "kube-router to enforce it on every node",
      async () => (await Promise.all(NODES.map(firewallOf))).every((rules, i) => rules !== before[i]),
      { timeoutMs: 60_000, intervalMs: 500 },
    );
    // What flowed before is never judged: long-lived UDP and ICMP would pass as established.
    for (const node of NODES) await on(node, ["conntrack", "--flush"]);
    await work();
  } finally {
    await replace(spec);
  }
  await mesh.allHealthy();
}

test("every slot is answered with the chart's own policy in force, and helm test passes", async () => {
  expect(await firewallOf("node-1")).toMatch(/KUBE-POD-FW-\S+ .*namespace: internode.* -j REJECT/);
  expect(await mesh.release.test()).toMatch(/Phase: +Succeeded/);
});

test("a stranger's pod may scrape an agent, and neither ask it nor probe it", async () => {
  expect(await whatStrangersMay(mesh)).toEqual(STRANGERS_MAY);
});

test("a policy that allows TCP alone shows as ICMP and UDP blocked, in every pair, and TCP is fine", async () => {
  const ports = Object.values(PORTS).map((port) => ({ protocol: "TCP" as const, port }));
  await allowOnly(ports, async () => {
    const lost = ofProtocols("icmp", "udp");
    const before = await mesh.failuresBecause("blocked");
    expect(await mesh.countedNow()).toEqual({ dead: lost, healthy: without(mesh.slots, lost) });
    const after = await mesh.failuresBecause("blocked");
    expect(lost.filter((slot) => (after.get(slot) ?? 0) <= (before.get(slot) ?? 0))).toEqual([]);
    const { exitCode, text } = await mesh.matrix();
    expect(failingCells(text)).toEqual(lost);
    expect(notesOf(text)).not.toEqual([]);
    expect(exitCode).toBe(1);
  });
});

test("a policy that forgets TCP's probe port shows as TCP blocked, and UDP on the same port is fine", async () => {
  const ports: readonly PolicyPort[] = [
    { protocol: "UDP", port: PORTS.probe },
    { protocol: "TCP", port: PORTS.http },
    { protocol: "TCP", port: PORTS.metrics },
  ];
  await allowOnly(ports, async () => {
    const { dead, healthy } = await mesh.countedNow();
    // NetworkPolicy cannot name ICMP: a list of ports forbids it.
    expect(dead).toEqual(ofProtocols("icmp", "tcp"));
    expect(healthy).toEqual(without(mesh.slots, dead));
    const blocked = await mesh.failuresBecause("blocked");
    expect(ofProtocols("tcp").filter((slot) => !blocked.has(slot))).toEqual([]);
  });
});

// kube-router gives pods no other address on their way to a node, as Flannel does: the answers need the routes as well.
test("with its BGP sessions down a node is lost to every other's pods on both networks, and to nobody else", async () => {
  const routesTo = async (node: string, pods: string): Promise<boolean> =>
    (await on(node, ["ip", "route"])).includes(pods);
  const lost = mesh.slots.filter((slot) => slot.includes("node-2"));
  const firewall = `table inet nobgp {
    chain out { type filter hook output priority 0; tcp dport 179 reject with tcp reset; tcp sport 179 reject with tcp reset; }
  }`;
  await on("node-2", ["nft", "-f", "-"], firewall);
  try {
    await until(
      "the routes to be withdrawn at both ends",
      async () => !(await routesTo("node-1", "10.244.2.0/24")) && !(await routesTo("node-2", "10.244.1.0/24")),
      { timeoutMs: BGP_LIMIT_MS, intervalMs: 1_000 },
    );
    expect(await mesh.countedNow()).toEqual({ dead: lost, healthy: without(mesh.slots, lost) });
    expectLost(await mesh.matrix(), lost, /node-2/);
  } finally {
    await on("node-2", ["nft", "delete", "table", "inet", "nobgp"]);
    await until("the routes to come back", () => routesTo("node-1", "10.244.2.0/24"), {
      timeoutMs: BGP_LIMIT_MS,
      intervalMs: 1_000,
    });
  }
  await mesh.allHealthy();
});

test("a dead node is lost on both networks, and the others are fine", async () => {
  const { dead, healthy, lost, others, matrix } = await mesh.whileDead("node-3");
  expect({ dead, healthy }).toEqual({ dead: lost, healthy: others });
  expectLost(matrix, lost, /node-3/);
});
