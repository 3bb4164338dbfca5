import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Client } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createLab, type Lab } from "../../lab/lab.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("namespaces");
const { test: groupTest } = await needs("namespaces", "any ping group");

const MAIN = fileURLToPath(new URL("../../agent/main.ts", import.meta.url));

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 100; tries++) {
    const seen = await look().catch(() => undefined);
    if (seen !== undefined) return seen;
    await sleep(200);
  }
  throw new Error(`never seen: ${what}`);
}

describe("the agents of a mesh", () => {
  let lab: Lab;
  beforeAll(async () => {
    const settings = {
      icmp: { intervalMs: 200, timeoutMs: 150 },
      tcp: { intervalMs: 500, timeoutMs: 400 },
      udp: { intervalMs: 500, timeoutMs: 400 },
      shutdown: { drainMs: 2_000 },
    };
    lab = await createLab({ nodes: 3, zones: 3, settings });
    await until("every agent ready", async () =>
      (await Promise.all(lab.nodes.map((node) => get(node.name, "http", "/readyz")))).every((r) => r.status === 200)
        ? true
        : undefined,
    );
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
  });

  async function get(node: string, port: "http" | "metrics", path: string): Promise<{ status: number; text: string }> {
    const client = new Client("http://localhost", { socketPath: lab.target(node, port).path });
    try {
      const { statusCode, body } = await client.request({ method: "GET", path });
      return { status: statusCode, text: await body.text() };
    } finally {
      await client.destroy();
    }
  }
  const scrape = async (node: string) =>
    (await get(node, "metrics", "/metrics")).text.split("\n").filter((line) => !line.startsWith("#"));
  const count = (lines: readonly string[], name: string, ...labels: string[]) =>
    lines
      .filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);

  test("have every slot at least at 0 in the first scrape, and all protocols answered soon after", async () => {
    const lines = await until("answers of all protocols", async () => {
      const lines = await scrape("node-1");
      const all = ["icmp", "tcp", "udp"].every(
        (protocol) => count(lines, "internode_probes_total", `protocol="${protocol}"`, 'destination_node="node-3"') > 2,
      );
      return all ? lines : undefined;
    });
    // Two peers: ICMP on two networks, TCP and UDP on one.
    expect(lines.filter((line) => line.startsWith("internode_probes_total{"))).toHaveLength(8);
    // An agent that began earlier may have probed one that did not listen yet: failures are there, and need not be 0.
    expect(lines.filter((line) => line.startsWith("internode_probe_failures_total{"))).toHaveLength(8);
    for (const protocol of ["icmp", "tcp", "udp"]) {
      const of = [`protocol="${protocol}"`, 'destination_node="node-3"'];
      const answered =
        count(lines, "internode_probes_total", ...of) - count(lines, "internode_probe_failures_total", ...of);
      expect(answered, protocol).toBeGreaterThan(0);
    }
    expect(
      lines.some(
        (line) =>
          line.startsWith("internode_timestamps_total{") && line.includes('clock="kernel"') && !line.endsWith(" 0"),
      ),
    ).toBe(true);
  });

  test("tell the direction of loss in the row too", async () => {
    const fault = await lab.inject("loss node-3->node-2 100% on pod");
    const row = await until("UDP probes lost", async () => {
      const { pairs } = JSON.parse((await get("node-2", "http", "/api/v1/pairs")).text) as {
        pairs: { protocol: string; destination: { name: string }; window: { failures: number } }[];
      };
      return pairs.find((p) => p.protocol === "udp" && p.destination.name === "node-3" && p.window.failures > 3);
    });
    await lab.clear(fault.id);
    const settled = await until("the direction", async () => {
      const { pairs } = JSON.parse((await get("node-2", "http", "/api/v1/pairs")).text) as {
        pairs: {
          protocol: string;
          destination: { name: string };
          window: { failures: number; lostForward: number; lostReverse: number };
        }[];
      };
      const pair = pairs.find((p) => p.protocol === "udp" && p.destination.name === "node-3")!;
      return pair.window.lostReverse >= row.window.failures ? pair.window : undefined;
    });
    expect(settled.lostForward).toBe(0);
  });

  groupTest(
    "that may not open ICMP run on with TCP and UDP, and say so in a metric and a log line with the cure",
    async () => {
      await lab.agent("node-2").kill();
      await lab.run("node-2", "sysctl", ["-qw", "net.ipv4.ping_group_range=1 0"]);
      // Root by number only: without a single capability, as under Pod Security restricted.
      const restricted = ["--bounding-set", "-all", "--inh-caps", "-all", "--no-new-privs"];
      const child = lab.spawn(
        "node-2",
        "setpriv",
        [...restricted, process.execPath, MAIN, "agent", "--config", join(lab.directory, "node-2.json")],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      let log = "";
      child.stdout!.on("data", (chunk: Buffer) => (log += chunk.toString()));
      try {
        const { podAddresses } = lab.node("node-2");
        const metrics = await until("metrics of the restricted agent", async () => {
          const text = await lab.run("node-1", process.execPath, [
            "-e",
            `fetch("http://${podAddresses[0]}:9843/metrics").then((r) => r.text()).then((t) => process.stdout.write(t))`,
          ]);
          return count(text.split("\n"), "internode_probes_total", 'protocol="udp"') > 3 ? text.split("\n") : undefined;
        });
        expect(count(metrics, "internode_protocol_available", 'protocol="icmp"')).toBe(0);
        expect(count(metrics, "internode_protocol_available", 'protocol="tcp"')).toBe(1);
        expect(count(metrics, "internode_probes_total", 'protocol="tcp"')).toBeGreaterThan(0);
        expect(count(metrics, "internode_probe_failures_total")).toBe(0);
        expect(
          metrics.some((line) => line.startsWith("internode_probes_total{") && line.includes('protocol="icmp"')),
        ).toBe(false);
        expect(log).toContain("net.ipv4.ping_group_range");
      } finally {
        child.kill("SIGKILL");
        await lab.run("node-2", "sysctl", ["-qw", "net.ipv4.ping_group_range=0 2147483647"]);
        await lab.agent("node-2").start();
      }
    },
  );

  test("keep the last good peers file when it becomes invalid, and drop all series of a peer that left within one scrape", async () => {
    const file = join(lab.directory, "mesh.json");
    const good = await readFile(file, "utf8");
    try {
      await writeFile(file, "{ nonsense");
      await until("the fault counted", async () =>
        count(await scrape("node-1"), "internode_discovery_errors_total") > 0 ? true : undefined,
      );
      expect((await scrape("node-1")).filter((line) => line.startsWith("internode_probes_total{"))).toHaveLength(8);

      const mesh = JSON.parse(good) as { nodes: { name: string }[] };
      await writeFile(file, JSON.stringify({ nodes: mesh.nodes.filter((node) => node.name !== "node-3") }));
      await until("two nodes in the mesh", async () =>
        count(await scrape("node-1"), "internode_mesh_size") === 2 ? true : undefined,
      );
      expect((await scrape("node-1")).filter((line) => line.includes('"node-3"'))).toEqual([]);
      expect((await scrape("node-1")).filter((line) => line.startsWith("internode_probes_total{"))).toHaveLength(4);
    } finally {
      await writeFile(file, good);
    }
    await until("three nodes again", async () =>
      count(await scrape("node-1"), "internode_mesh_size") === 3 ? true : undefined,
    );
  });

  test("end in order: not ready first, reflecting on, then gone with code 0", async () => {
    await lab.agent("node-3").kill();
    const child = lab.spawn(
      "node-3",
      process.execPath,
      [MAIN, "agent", "--config", join(lab.directory, "node-3.json")],
      { stdio: "ignore" },
    );
    const [address] = lab.node("node-3").podAddresses;
    const readyz = () =>
      lab.run("node-1", process.execPath, [
        "-e",
        `fetch("http://${address}:8843/readyz").then(async (r) => console.log(r.status, await r.text()))`,
      ]);
    await until("ready", async () => ((await readyz()).startsWith("200") ? true : undefined));
    const failuresBefore = count(
      await scrape("node-1"),
      "internode_probe_failures_total",
      'destination_node="node-3"',
      'protocol="udp"',
    );
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await sleep(500);
    expect(await readyz()).toMatch(/^503 .*stopping/);
    await sleep(700);
    // UDP is answered by the process, not by its kernel: it still is.
    expect(
      count(await scrape("node-1"), "internode_probe_failures_total", 'destination_node="node-3"', 'protocol="udp"'),
    ).toBe(failuresBefore);
    expect(await ended).toEqual([0, null]);
    await lab.agent("node-3").start();
  });
});
