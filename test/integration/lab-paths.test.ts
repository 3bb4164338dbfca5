// A lab whose nodes have several equal ways to each other, without agents, judged by ping and UDP sockets.
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from "vitest";
import { createLab, type Lab } from "../../lab/lab.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("namespaces", "ping");
const { test: heldTest } = await needs("namespaces", "tap devices");

const FLOWS = 64;
const PORT = 7_007;

describe("equal paths", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await createLab({ nodes: 2, zones: 1, ipv6: true, paths: 4, agents: false });
  });
  afterEach(async () => void (await lab?.clear()));
  afterAll(() => lab?.[Symbol.asyncDispose]());

  /** Which of 64 sockets of node-1, each with three packets, got an answer from this address of node-2. */
  async function answered(address: string): Promise<readonly number[]> {
    const script = `const dgram = require("node:dgram"), got = new Set(), type = ${JSON.stringify(address.includes(":") ? "udp6" : "udp4")};
      const sockets = Array.from({ length: ${FLOWS} }, (_, i) => dgram.createSocket(type).on("message", () => got.add(i)));
      sockets.forEach((socket, i) => socket.bind(20000 + i));
      let n = 0;
      const timer = setInterval(() => {
        if (n++ < 3) for (const socket of sockets) socket.send("?", ${PORT}, ${JSON.stringify(address)});
        else if (n === 10) clearInterval(timer), sockets.forEach((socket) => socket.close()), console.log(JSON.stringify([...got]));
      }, 50);`;
    return JSON.parse(await lab.run("node-1", process.execPath, ["-e", script])) as number[];
  }

  async function listen(): Promise<void> {
    const script = `for (const type of ["udp4", "udp6"]) {
      const socket = require("node:dgram").createSocket({ type, ipv6Only: type === "udp6" });
      socket.on("message", (text, { address, port }) => socket.send(text, port, address)).bind(${PORT}, () => console.log("ready"));
    }`;
    const listener = lab.spawn("node-2", process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void listener.kill());
    const ready = createInterface(listener.stdout!)[Symbol.asyncIterator]();
    await ready.next();
    await ready.next();
  }

  test("a fault of one path takes some flows of the pod network whole and leaves the others whole, in both families", async () => {
    await listen();
    for (const address of lab.node("node-2").podAddresses) {
      expect(await answered(address)).toHaveLength(FLOWS);
      const { id } = await lab.inject("drop node-1->node-2 via path-1");
      const through = await answered(address);
      const [ended] = await lab.clear(id);
      // One of four: 16 of 64 are expected, fewer than 3 or more than 36 of a fair spread come once in 10^6 runs.
      expect(through.length).toBeGreaterThan(FLOWS - 36);
      expect(through.length).toBeLessThan(FLOWS - 2);
      // Three packets of each flow.
      expect(ended!.counters!.affected).toBe(3 * (FLOWS - through.length));
      const { id: second } = await lab.inject("drop node-1->node-2 via path-2");
      const others = await answered(address);
      await lab.clear(second);
      // No flow takes both.
      expect([...new Set([...through, ...others])]).toHaveLength(FLOWS);
    }
  });

  test("the node network has two hops more, and every path carries to every address", async () => {
    const { nodeAddresses, podAddresses } = lab.node("node-2");
    for (const address of [...nodeAddresses, ...podAddresses])
      expect(await lab.run("node-1", "ping", ["-n", "-c", "3", "-i", "0.05", "-W", "2", address])).toContain(
        " 0% packet loss",
      );
    const said = await lab.runInNode("node-1", "ping", ["-n", "-c", "1", "-W", "2", nodeAddresses[0]!]);
    expect(said).toContain("ttl=62");
    await expect(lab.inject("drop all via path-5")).rejects.toThrow("there are path-1, path-2, path-3, path-4");
  });

  heldTest("a fault that holds packets lets them go on by their path", async () => {
    await lab.inject("delay node-1->node-2 20ms");
    for (const address of [lab.node("node-2").podAddresses[0]!, ...lab.node("node-2").nodeAddresses]) {
      const said = await lab.run("node-1", "ping", ["-n", "-c", "3", "-i", "0.05", "-W", "2", address]);
      expect(said).toContain(" 0% packet loss");
      expect(Number(/min\/avg\/max\/mdev = ([\d.]+)/.exec(said)![1])).toBeGreaterThanOrEqual(20);
    }
  });
});
