// The lab with its agents, the demo as a person runs it, and that nothing of either stays: not after Ctrl-C, not after
// a crash, not as another user.
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { limitCpu, removeCpuQuotas } from "../../lab/cpu-quota.ts";
import { createLab, type Lab } from "../../lab/lab.ts";
import { listNamespaces, run as runTool } from "../../lab/machine.ts";
import { getOverProxy } from "./lab-proxy.ts";
import { CGROUPS, openDemos, traces, until, type Demos } from "../support/demos.ts";
import { needs } from "../support/needs.ts";

const { describe: labDescribe, test: labTest } = await needs("namespaces");
const { test: quotaTest } = await needs("namespaces", "cpu quotas");
const { test: faultTest } = await needs("namespaces", "tap devices", "cpu quotas");

labDescribe("a lab with agents", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await createLab({ nodes: 2, zones: 1 });
    for (const { name } of lab.nodes)
      await until(`${name} answers`, async () => (await getOverProxy(lab, name, "/healthz")) !== undefined);
  });
  afterEach(async () => {
    await lab.clear();
  });
  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
  });

  const stateOf = async (node: string): Promise<string> =>
    (await readFile(`/proc/${lab.agent(node).pid}/stat`, "utf8")).split(") ")[1]![0]!;
  const pings = async (from: string, to: string): Promise<boolean> =>
    (await lab.run(from, "sh", ["-c", `ping -c 1 -W 1 ${lab.node(to).nodeAddresses[0]} || true`])).includes(
      " 0% packet loss",
    );

  test("an agent sees its own namespace's interfaces and measures its peer on both networks", async () => {
    const { pid } = lab.agent("node-1");
    expect((await readdir(`/proc/${pid}/root/sys/class/net`)).sort()).toEqual(["eth0", "lo"]);
    await until("the peer was measured on both networks", async () => {
      const row = JSON.parse((await getOverProxy(lab, "node-1", "/api/v1/pairs")) ?? "{}") as {
        pairs?: { network: string; window: { probes: number; failures: number } }[];
      };
      return ["pod", "node"].every((network) =>
        row.pairs?.some((pair) => pair.network === network && pair.window.probes > 0),
      );
    });
  });

  test("a frozen agent stands still while its node's kernel answers, and runs again when cleared", async () => {
    await lab.inject("freeze node-2");
    await until("it is stopped", async () => (await stateOf("node-2")) === "T");
    expect(await pings("node-1", "node-2")).toBe(true);
    expect(await lab.run("node-1", "sh", ["-c", `ping -c 1 -W 1 ${lab.node("node-2").podAddresses[0]}`])).toContain(
      " 0% packet loss",
    );
    expect(await getOverProxy(lab, "node-2", "/healthz", 300)).toBeUndefined();
    await expect(lab.inject("freeze all")).rejects.toThrow("does that to node-2 already");
    await lab.clear();
    await until("it answers again", async () => (await getOverProxy(lab, "node-2", "/healthz")) !== undefined);
  });

  test("a killed node answers nobody and has no agent, and comes back whole", async () => {
    await lab.inject("kill node-2");
    expect(lab.agent("node-2").pid).toBeUndefined();
    expect(await pings("node-1", "node-2")).toBe(false);
    await expect(lab.inject("freeze node-2")).rejects.toThrow("does not run");
    await expect(lab.inject("starve node-2 5%")).rejects.toThrow("does not run");
    await lab.clear();
    await until("its agent answers again", async () => (await getOverProxy(lab, "node-2", "/healthz")) !== undefined);
    await until("its link is up again", () => pings("node-1", "node-2"));
  });

  quotaTest("a starved agent is in a control group of its own, and back where it was when cleared", async () => {
    const groupsOf = async () => await readFile(`/proc/${lab.agent("node-1").pid}/cgroup`, "utf8");
    const before = await groupsOf();
    const { id } = await lab.inject("starve node-1 5%");
    expect(await groupsOf()).toContain(`/inode-${lab.id}-node-1-${id}`);
    await lab.clear();
    expect(await groupsOf()).toBe(before);
    expect((await traces(lab.id)).filter((trace) => trace.startsWith("control group"))).toEqual([]);
  });

  quotaTest("a quota throttles a busy process, and one that was left behind is removed by the lab's id", async () => {
    const busy = lab.spawn("node-1", "sh", ["-c", "while :; do :; done"]);
    await once(busy, "spawn");
    await limitCpu({ labId: "00dead", name: "busy", pid: busy.pid!, ratio: 0.05 });
    const group = CGROUPS.map((folder) => `${folder}/inode-00dead-busy`).find((path) => existsSync(path))!;
    await until("it was throttled", async () => /nr_throttled [1-9]/.test(await readFile(`${group}/cpu.stat`, "utf8")));
    await removeCpuQuotas("00dead");
    expect(existsSync(group)).toBe(false);
    busy.kill("SIGKILL");
    await once(busy, "exit");
  });

  test("an agent that ends by itself is told with its last words", async () => {
    const ends: string[] = [];
    await using other = await createLab({
      nodes: 2,
      zones: 1,
      settings: { ports: { http: 8_843, metrics: 8_843 } },
      onAgentEnd: ({ node, lastWords }) => ends.push(`${node}: ${lastWords.join(" ")}`),
    });
    await until("both have ended", () => ends.length === 2);
    expect(ends.join("\n")).toMatch(/node-1: .*\S/);
    expect(other.agent("node-1").pid).toBeUndefined();
  });
});

faultTest(
  "a lab that is disposed with faults in force leaves no namespace, process, link, control group or file",
  async () => {
    const lab = await createLab({ nodes: 2, zones: 1 });
    for (const fault of [
      "starve node-1 20%",
      "freeze node-1",
      "delay node-1->node-2 5ms",
      "loss all 5%",
      "kill node-2",
    ])
      await lab.inject(fault);
    expect((await traces(lab.id)).map((trace) => trace.split(" ")[0])).toEqual(
      expect.arrayContaining(["namespace", "directory", "process"]),
    );
    await lab[Symbol.asyncDispose]();
    expect(await traces(lab.id)).toEqual([]);
  },
);

describe("internode demo", () => {
  let demos: Demos;
  beforeAll(async () => {
    demos = await openDemos();
  });
  afterAll(() => demos[Symbol.asyncDispose]());

  faultTest.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "serves page and metrics on the machine's own loopback, and leaves nothing behind after %s",
    async (signal) => {
      const running = await demos.start(["--fault", "delay node-1->node-2 5ms", "--fault", "starve node-1 50%"]);
      expect(await (await fetch(running.page)).text()).toContain("<html");
      const metrics = /Metrics\s+(\S+)/.exec(running.output())![1]!;
      expect(await (await fetch(metrics)).text()).toContain("internode_build_info{");
      expect((await traces(running.id, demos.folder)).length).toBeGreaterThan(5);
      expect(await demos.stop(running, signal)).toBe(0);
      expect(await traces(running.id, demos.folder)).toEqual([]);
    },
  );

  faultTest("when it is killed its agents die with it, and the next start or --clean removes the rest", async () => {
    const running = await demos.start(["--fault", "delay node-1->node-2 5ms"]);
    const processes = async () =>
      (
        await Promise.all(
          (await listNamespaces())
            .filter((name) => name.includes(running.id))
            .map((name) =>
              runTool("ip", ["netns", "pids", name]).then((out) => out.split("\n").filter(Boolean).length),
            ),
        )
      ).reduce((sum, n) => sum + n, 0);
    expect(await processes()).toBeGreaterThanOrEqual(3);
    running.child.kill("SIGKILL");
    await once(running.child, "exit");
    await until("no process of it runs", async () => (await processes()) === 0);
    expect((await traces(running.id, demos.folder)).filter((trace) => trace.startsWith("namespace"))).toHaveLength(6);
    const clean = demos.run(["demo", "--clean"]);
    expect(clean.stdout).toContain(`removed lab inode-${running.id}`);
    expect(clean.status).toBe(0);
    expect(await traces(running.id, demos.folder)).toEqual([]);
    expect(demos.run(["demo", "--clean"]).stdout).toContain("nothing was left behind");
  });

  labTest(
    "a lab that was killed and whose files are gone is found by its switch, and one that runs with its files elsewhere is left alone",
    async () => {
      const [running, killed] = [await createLab({ nodes: 2, zones: 1, agents: false }), await demos.start()];
      killed.child.kill("SIGKILL");
      await once(killed.child, "exit");
      await rm(`${demos.folder}/inode-${killed.id}`, { recursive: true });
      expect(demos.run(["demo", "--clean"]).stdout).toContain(`removed lab inode-${killed.id}`);
      expect(await traces(killed.id, demos.folder)).toEqual([]);
      expect((await traces(running.id)).filter((trace) => trace.startsWith("namespace"))).toHaveLength(5);
      await running[Symbol.asyncDispose]();
    },
  );

  labTest("another terminal breaks something, sees what it did, and clears it", async () => {
    const running = await demos.start();
    expect(demos.run(["fault", "list"]).stdout).toContain("nothing is broken");
    // Its token is found as the demo itself is.
    const pinged = demos.run(["ping", "node-1", "node-2", "-c", "2", "--protocol", "icmp", "--url", running.page]);
    expect([pinged.status, pinged.stderr]).toEqual([0, ""]);
    const added = demos.run(["fault", "drop node-1->node-2"]);
    expect([added.status, added.stdout.trim()]).toEqual([0, "fault 1 is in force: drop node-1->node-2"]);
    await until("its packets are counted", () => / [1-9]\d* dropped of /.test(demos.run(["fault", "list"]).stdout));
    const { faults } = JSON.parse(demos.run(["fault", "list", "-o", "json"]).stdout) as {
      faults: { counters: { matched: number; affected: number } }[];
    };
    expect(faults[0]!.counters.affected).toBe(faults[0]!.counters.matched);
    const wrong = demos.run(["fault", "drop node-1- node-2"]);
    expect([wrong.status, wrong.stderr.includes("put the fault in quotes")]).toEqual([2, true]);
    expect(demos.run(["fault", "clear", "5"]).stderr).toContain("there is no fault 5; there are 1");
    expect(demos.run(["fault", "clear"]).stdout).toContain("fault 1 is cleared: drop node-1->node-2 (");
    await until("the demo's own terminal was told", () => running.output().includes("fault 1 ends"));
    await demos.stop(running, "SIGINT");
    const gone = demos.run(["fault", "list"]);
    expect([gone.status, gone.stderr.includes("no lab is running")]).toEqual([1, true]);
  });

  test("a port that is taken is named, and nothing is left of the mesh that was built for it", async () => {
    await using server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { status, stderr } = demos.run(["demo", "--nodes", "2", "--loopback", "--port", String(port)]);
    expect([status, stderr.includes(`127.0.0.1:${port}`), stderr.includes("--port")]).toEqual([1, true, true]);
    expect((await readdir(demos.folder)).filter((name) => name.startsWith("inode-"))).toEqual([]);
  });

  test.each([
    [["--nodes", "1"], "--nodes takes a whole number from 2 to 250, not '1'"],
    [["--nodes", "3", "--zones", "4"], "--zones takes a whole number from 1 to 3"],
    [["--port", "http"], "--port takes a whole number"],
    [["--fault", "lose it"], "'lose' is no kind of fault"],
    [["--fault", "kill node-7"], "no node or zone 'node-7'"],
    [["--loopback", "--fault", "kill node-1"], "--loopback has one network and no faults"],
    [["--nods", "3"], "--nods"],
    [["extra"], "extra"],
  ])("%j is refused before anything is built", (args, words) => {
    const { status, stderr } = demos.run(["demo", ...args]);
    expect([status, stderr]).toEqual([2, expect.stringContaining(words)]);
  });
});
