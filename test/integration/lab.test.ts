// A lab in real namespaces: every path of the mesh, and that nothing of it stays.
import { existsSync } from "node:fs";
import { afterAll, beforeAll, expect } from "vitest";
import { createLab, type Lab } from "../../lab/lab.ts";
import { listNamespaces } from "../../lab/machine.ts";
import { needs } from "../support/needs.ts";

const { describe, test } = await needs("namespaces", "ping");

/** Namespaces that belong to a lab, or are left of it. */
const namespacesOf = async (lab: Lab) => (await listNamespaces()).filter((name) => name.includes(lab.id));

describe("a mesh of namespaces", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await createLab({ nodes: 4, zones: 2, ipv6: true, agents: false });
  });
  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
  });

  const ping = (from: string, to: string, ...options: string[]) =>
    lab.run(from, "ping", ["-c", "1", "-W", "3", ...options, to]);

  test("every pod reaches every other pod and every other node, over both families", async () => {
    for (const from of lab.nodes) {
      const others = lab.nodes
        .filter((node) => node !== from)
        .flatMap((node) => [...node.podAddresses, ...node.nodeAddresses]);
      const out = await Promise.all(others.map((address) => ping(from.name, address)));
      expect(out.filter((text) => text.includes(" 0% packet loss"))).toHaveLength(12);
    }
  });

  test("the overlay passes 1450 bytes and the underlay 1500, not a byte more", async () => {
    const [pod, node] = [lab.node("node-3").podAddresses[0]!, lab.node("node-3").nodeAddresses[0]!];
    await ping("node-1", pod, "-M", "do", "-s", String(1450 - 28));
    await expect(ping("node-1", pod, "-M", "do", "-s", String(1451 - 28))).rejects.toThrow("ended with code 1");
    // From the node itself: the pod's own cable is the overlay's.
    const fromNode = (bytes: number) =>
      lab.runInNode("node-1", "ping", ["-c", "1", "-W", "3", "-M", "do", "-s", String(bytes - 28), node]);
    await fromNode(1500);
    await expect(fromNode(1501)).rejects.toThrow("ended with code 1");
  });

  test("pod traffic crosses the underlay as VXLAN both ways, and traffic to a node address as it is", async () => {
    const count = async () => {
      const [port] = JSON.parse(await lab.runInNode("node-2", "ip", ["-j", "-s", "link", "show", "vxlan0"])) as {
        stats64: { rx: { packets: number }; tx: { packets: number } };
      }[];
      return [port!.stats64.rx.packets, port!.stats64.tx.packets] as const;
    };
    const before = await count();
    await lab.run("node-1", "ping", ["-c", "5", "-i", "0.01", lab.node("node-2").podAddresses[0]!]);
    const between = await count();
    expect([between[0] - before[0], between[1] - before[1]]).toEqual([5, 5]);
    await lab.run("node-1", "ping", ["-c", "5", "-i", "0.01", lab.node("node-2").nodeAddresses[0]!]);
    expect(await count()).toEqual(between);
  });

  test("in a pod the agent's group may open datagram ICMP sockets", async () => {
    const group = String(process.getegid!());
    const range = await lab.run("node-1", "cat", ["/proc/sys/net/ipv4/ping_group_range"]);
    expect(range.trim().split(/\s+/)).toEqual([group, group]);
  });

  test("a second lab with the same addresses runs beside it, and its end takes nothing of the first", async () => {
    const second = await createLab({ nodes: 2, zones: 1, agents: false });
    const names = await namespacesOf(second);
    expect(names).toHaveLength(5);
    await second.run("node-1", "ping", ["-c", "1", second.node("node-2").podAddresses[0]!]);
    await second[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
    expect(await namespacesOf(second)).toEqual([]);
    expect(existsSync(second.directory)).toBe(false);
    expect(await namespacesOf(lab)).toHaveLength(9);
    await ping("node-1", lab.node("node-2").podAddresses[0]!);
  });
});
