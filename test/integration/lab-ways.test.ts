// Faults of the way that packets take and of the addresses that they bear, in a lab without agents: nothing is lost, and
// programs that know nothing of the lab see the difference.
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from "vitest";
import { createLab, type Lab } from "../../lab/lab.ts";
import { run } from "../../lab/machine.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("namespaces", "ping");

describe("faults of ways and addresses", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await createLab({ nodes: 3, zones: 1, ipv6: true, agents: false });
  });
  afterEach(async () => {
    await lab.clear();
  });
  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
  });

  /** ping's own words. The first packet may wait for a neighbour's address. */
  const ping = (from: string, ...args: string[]): Promise<string> => lab.run(from, "ping", ["-n", ...args]);

  test("extra-hop leads what a node sends to another one's pods through a third, in both families", async () => {
    const ttlsOf = (from: string, to: string): Promise<readonly string[]> =>
      Promise.all(
        lab
          .node(to)
          .podAddresses.map(async (pod) => /ttl=(\d+)/.exec(await ping(from, "-c", "1", "-W", "1", pod))![1]!),
      );
    const before = await ttlsOf("node-1", "node-2");
    const { id } = await lab.inject("extra-hop node-2->node-1");
    // The answers tell how far they came.
    expect(await ttlsOf("node-1", "node-2")).toEqual(before.map((ttl) => String(Number(ttl) - 1)));
    expect(await ttlsOf("node-3", "node-2")).toEqual(before);
    await lab.clear(id);
    expect(await ttlsOf("node-1", "node-2")).toEqual(before);
  });

  test("a rack loses between its nodes and all others, on both networks and in both families, and nothing inside", async () => {
    const reaches = (from: string, to: string): Promise<readonly boolean[]> => {
      const { nodeAddresses, podAddresses } = lab.node(to);
      const ping = async (address: string) =>
        (await lab.run(from, "sh", ["-c", `ping -n -c 1 -W 1 ${address} || true`])).includes(" 1 received");
      return Promise.all([...nodeAddresses, ...podAddresses].map(ping));
    };
    const all = [true, true, true, true];
    const none = [false, false, false, false];
    expect(await reaches("node-1", "node-2")).toEqual(all);
    const { id } = await lab.inject("rack node-1,node-2 100%");
    expect(await reaches("node-1", "node-2")).toEqual(all);
    expect(await reaches("node-3", "node-1")).toEqual(none);
    expect(await reaches("node-2", "node-3")).toEqual(none);
    const [ended] = await lab.clear(id);
    expect(ended!.counters!.matched).toBe(ended!.counters!.affected);
    expect(ended!.counters!.byProtocol!["icmp"]).toBeGreaterThanOrEqual(4);
    // A neighbour that was not found is asked for again after a second.
    await expect.poll(() => reaches("node-3", "node-1"), { timeout: 10_000 }).toEqual(all);
    expect(await run("ip", ["-n", lab.fabricNamespace, "-o", "link"])).not.toMatch(/rack-|uplink-/);
    await expect(lab.inject("rack all 5%")).rejects.toThrow("every node is in it");
  });

  test("take-address leads all others to another pod, in both families, and the owner is back when it ends", async () => {
    /** That came to a node's pod, by nstat(8) of the kernel's own counters. */
    const echoes = async (node: string): Promise<readonly number[]> => {
      const said = await lab.run(node, "nstat", ["-asz", "IcmpMsgInType8", "Icmp6InEchos"]);
      return ["IcmpMsgInType8", "Icmp6InEchos"].map((name) =>
        Number(new RegExp(`${name}\\s+(\\d+)`).exec(said)?.[1] ?? 0),
      );
    };
    const arrivedAt = async (node: string, from: string, to: string): Promise<readonly number[]> => {
      const before = await echoes(node);
      for (const pod of lab.node(to).podAddresses)
        expect(await ping(from, "-c", "1", "-W", "2", pod)).toContain(" 0% packet loss");
      return (await echoes(node)).map((count, i) => count - before[i]!);
    };
    const { id } = await lab.inject("take-address node-2->node-3");
    expect(await arrivedAt("node-2", "node-1", "node-3")).toEqual([1, 1]);
    expect(await arrivedAt("node-2", "node-1", "node-2")).toEqual([1, 1]);
    await lab.clear(id);
    expect(await arrivedAt("node-3", "node-1", "node-3")).toEqual([1, 1]);
    await expect(lab.inject("take-address node-1")).rejects.toThrow("one node takes the address of one other");
  });

  test("masquerade shows a pod to others under its node's tunnel address, in both families, also in flows that go on", async () => {
    const script = `for (const type of ["udp4", "udp6"]) {
      const socket = require("node:dgram").createSocket({ type, ipv6Only: type === "udp6" });
      socket.on("message", (text, { address, port }) => socket.send(address, port, address)).bind(7007, () => console.log("ready"));
    }`;
    const listener = lab.spawn("node-2", process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void listener.kill());
    // Both lines may come at once, so they must be kept.
    const ready = createInterface(listener.stdout!)[Symbol.asyncIterator]();
    await ready.next();
    await ready.next();
    // One socket for all questions: what is translated from its first packet on would not show a rule that comes later.
    const asks = `const sockets = ["udp4", "udp6"].map((type) => require("node:dgram").createSocket(type));
      const to = process.argv.slice(1);
      for (const socket of sockets) socket.on("message", (seen) => console.log(String(seen)));
      require("node:readline").createInterface(process.stdin).on("line", () => sockets.forEach((s, i) => s.send("?", 7007, to[i])));`;
    const asker = lab.spawn("node-1", process.execPath, ["-e", asks, ...lab.node("node-2").podAddresses], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    onTestFinished(() => void asker.kill());
    const answers = createInterface(asker.stdout!)[Symbol.asyncIterator]();
    const seen = async (): Promise<readonly string[]> => {
      asker.stdin!.write("\n");
      return [(await answers.next()).value as string, (await answers.next()).value as string].sort();
    };
    const own = [...lab.node("node-1").podAddresses].sort();
    expect(await seen()).toEqual(own);
    const { id } = await lab.inject("masquerade node-1");
    expect(await seen()).toEqual(["10.244.1.0", "fd00:10:244:1::"]);
    const [ended] = await lab.clear(id);
    expect(ended!.counters!.affected).toBeGreaterThan(0);
    expect(await seen()).toEqual(own);
  });
});
