// Faults of the tables that a node keeps, in a lab without agents, judged by programs that know nothing of the lab.
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from "vitest";
import { createLab, type Lab } from "../../lab/lab.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("namespaces", "ping", "conntrack");

describe("faults of tables", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await createLab({ nodes: 3, zones: 1, agents: false });
  });
  afterEach(async () => void (await lab?.clear()));
  afterAll(() => lab?.[Symbol.asyncDispose]());

  /** Listens on node-3's pod, over TCP and UDP. */
  async function listen(): Promise<void> {
    const script = `require("node:net").createServer((s) => s.end()).listen(7007, () => {
      const socket = require("node:dgram").createSocket("udp4");
      socket.on("message", (text, { address, port }) => socket.send(text, port, address)).bind(7007, () => console.log("ready"));
    });`;
    const listener = lab.spawn("node-3", process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void listener.kill());
    await once(createInterface(listener.stdout!), "line");
  }

  const connects = async (from: string): Promise<boolean> => {
    const script = `const socket = require("node:net").connect(7007, ${JSON.stringify(lab.node("node-3").podAddresses[0])});
      socket.setTimeout(1500, () => (console.log("no"), socket.destroy())).on("connect", () => (console.log("yes"), socket.destroy()));`;
    return (await lab.run(from, process.execPath, ["-e", script])).trim() === "yes";
  };

  /** One socket, one answer to each question. */
  function flow(from: string) {
    const script = `const socket = require("node:dgram").createSocket("udp4");
      socket.on("message", (text) => console.log(String(text)));
      require("node:readline").createInterface(process.stdin).on("line", (line) => socket.send(line, 7007, ${JSON.stringify(lab.node("node-3").podAddresses[0])}));`;
    const asker = lab.spawn(from, process.execPath, ["-e", script], { stdio: ["pipe", "pipe", "inherit"] });
    onTestFinished(() => void asker.kill());
    const answers = createInterface(asker.stdout!)[Symbol.asyncIterator]();
    return async (word: string): Promise<string> => {
      asker.stdin!.write(`${word}\n`);
      return (await answers.next()).value as string;
    };
  }

  const entries = async (node: string, which: "count" | "max"): Promise<number> =>
    Number(await lab.runInNode(node, "cat", [`/proc/sys/net/netfilter/nf_conntrack_${which}`]));

  test("conntrack-full drops new connections at one node, and a flow that it knows goes on", async () => {
    await listen();
    const ask = flow("node-2");
    expect(await ask("before")).toBe("before");
    expect(await connects("node-2")).toBe(true);
    const { id } = await lab.inject("conntrack-full node-2");
    expect(await entries("node-2", "count")).toBeGreaterThanOrEqual((await entries("node-2", "max")) - 20);
    expect(await connects("node-2")).toBe(false);
    expect(await connects("node-1")).toBe(true);
    expect(await ask("while it is full")).toBe("while it is full");
    await lab.clear(id);
    expect(await entries("node-2", "count")).toBeLessThan(1_000);
    expect(await connects("node-2")).toBe(true);
  });
});
