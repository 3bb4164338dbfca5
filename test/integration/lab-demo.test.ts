// The lab with its agents, the demo as a person runs it, and that nothing of either stays: not after Ctrl-C, not after
// a crash, not as another user.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { limitCpu, removeCpuQuotas } from "../../lab/cpu-quota.ts";
import { createLab, whyNoNamespaces, type Lab } from "../../lab/lab.ts";
import { listNamespaces, run as runTool } from "../../lab/machine.ts";
import { getOverDoor } from "./lab-door.ts";

const obstacle = await whyNoNamespaces();
if (obstacle !== undefined && process.env["CI"] === "true") throw new Error(`the lab cannot be tested: ${obstacle}`);

const MAIN = fileURLToPath(new URL("../../lab/main.ts", import.meta.url));
const CGROUPS = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup"];

/** Everything of one lab that is on this machine: the census that must be empty in the end. */
async function traces(id: string, temporary = "/tmp"): Promise<string[]> {
  const named = (names: readonly string[]) => names.filter((name) => name.includes(id));
  const groups = await Promise.all(CGROUPS.map((folder) => readdir(folder).catch(() => [])));
  const processes = await Promise.all(
    (await readdir("/proc"))
      .filter((name) => /^\d+$/.test(name))
      .map(async (pid) => ({ pid, command: await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "") })),
  );
  const links = await readdir("/sys/class/net");
  return [
    ...named(await listNamespaces()).map((name) => `namespace ${name}`),
    ...named(await readdir(temporary)).map((name) => `directory ${name}`),
    ...named(groups.flat()).map((name) => `control group ${name}`),
    ...processes
      .filter(({ command }) => command.includes(`inode-${id}`))
      .map(({ pid, command }) => `process ${pid} ${command.replaceAll("\0", " ")}`),
    ...links.filter((name) => /^(port-|vxlan0|cni0|switch|detour)/.test(name)).map((name) => `link ${name}`),
  ];
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`after 20 s it was not so: ${what}`);
    await new Promise((resolve) => void setTimeout(resolve, 50));
  }
}

describe.skipIf(obstacle !== undefined)("a lab with agents", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await createLab({ nodes: 2, zones: 1 });
    for (const { name } of lab.nodes)
      await until(`${name} answers`, async () => (await getOverDoor(lab, name, "/healthz")) !== undefined);
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
      const row = JSON.parse((await getOverDoor(lab, "node-1", "/api/v1/pairs")) ?? "{}") as {
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
    expect(await getOverDoor(lab, "node-2", "/healthz", 300)).toBeUndefined();
    await expect(lab.inject("freeze all")).rejects.toThrow("does that to node-2 already");
    await lab.clear();
    await until("it answers again", async () => (await getOverDoor(lab, "node-2", "/healthz")) !== undefined);
  });

  test("a killed node answers nobody and has no agent, and comes back whole", async () => {
    await lab.inject("kill node-2");
    expect(lab.agent("node-2").pid).toBeUndefined();
    expect(await pings("node-1", "node-2")).toBe(false);
    await expect(lab.inject("freeze node-2")).rejects.toThrow("does not run");
    await expect(lab.inject("starve node-2 5%")).rejects.toThrow("does not run");
    await lab.clear();
    await until("its agent answers again", async () => (await getOverDoor(lab, "node-2", "/healthz")) !== undefined);
    await until("its link is up again", () => pings("node-1", "node-2"));
  });

  test("a starved agent is in a control group of its own, and back where it was when cleared", async () => {
    const groupsOf = async () => await readFile(`/proc/${lab.agent("node-1").pid}/cgroup`, "utf8");
    const before = await groupsOf();
    const { id } = await lab.inject("starve node-1 5%");
    expect(await groupsOf()).toContain(`/inode-${lab.id}-node-1-${id}`);
    await lab.clear();
    expect(await groupsOf()).toBe(before);
    expect((await traces(lab.id)).filter((trace) => trace.startsWith("control group"))).toEqual([]);
  });

  test("a quota throttles a busy process, and one that was left behind is removed by the lab's id", async () => {
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

test.skipIf(obstacle !== undefined)(
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

/** A demo as a person runs it. */
interface Demo {
  readonly child: ChildProcess;
  readonly id: string;
  readonly page: string;
  output(): string;
}

describe("internode demo", () => {
  let temporary: string;
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    temporary = await mkdtemp("/tmp/internode-test-");
    spawnSync("chmod", ["0777", temporary]);
  });
  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL");
    // What a test that failed has left; a process that nobody has reaped yet counts as ended.
    run(["demo", "--clean"]);
    await rm(temporary, { recursive: true, force: true });
  });

  const environment = () => ({ ...process.env, TMPDIR: temporary });
  const run = (args: readonly string[]) =>
    spawnSync(process.execPath, [MAIN, ...args], { env: environment(), encoding: "utf8" });

  async function demo(args: readonly string[], prefix: readonly string[] = []): Promise<Demo> {
    const command = [
      ...prefix,
      process.execPath,
      MAIN,
      "demo",
      "--nodes",
      "2",
      "--zones",
      "1",
      "--port",
      String(await freePort()),
      ...args,
    ];
    const child = spawn(command[0]!, command.slice(1), { env: environment(), stdio: ["ignore", "pipe", "pipe"] });
    children.push(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    await until(
      `the demo is up; it said:\n${output}`,
      () => output.includes("Ctrl-C stops it") || child.exitCode !== null,
    );
    const page = /Page\s+(\S+)/.exec(output)?.[1];
    const [name] = (await readdir(temporary)).filter((name) => name.startsWith("inode-"));
    if (page === undefined || name === undefined) throw new Error(`the demo did not come up:\n${output}`);
    return { child, id: name.slice("inode-".length), page, output: () => output };
  }

  async function stop({ child }: Demo, signal: NodeJS.Signals): Promise<number | null> {
    child.kill(signal);
    const [code] = (await once(child, "exit")) as [number | null];
    return code;
  }

  test.skipIf(obstacle !== undefined).each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "serves page and metrics on the machine's own loopback, and leaves nothing behind after %s",
    async (signal) => {
      const running = await demo(["--fault", "delay node-1->node-2 5ms", "--fault", "starve node-1 50%"]);
      expect(await (await fetch(running.page)).text()).toContain("<html");
      const metrics = /Metrics\s+(\S+)/.exec(running.output())![1]!;
      expect(await (await fetch(metrics)).text()).toContain("internode_build_info{");
      expect((await traces(running.id, temporary)).length).toBeGreaterThan(5);
      expect(await stop(running, signal)).toBe(0);
      expect(await traces(running.id, temporary)).toEqual([]);
    },
  );

  test.skipIf(obstacle !== undefined)(
    "when it is killed its agents die with it, and the next start or --clean removes the rest",
    async () => {
      const running = await demo(["--fault", "delay node-1->node-2 5ms"]);
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
      expect((await traces(running.id, temporary)).filter((trace) => trace.startsWith("namespace"))).toHaveLength(5);
      const clean = run(["demo", "--clean"]);
      expect(clean.stdout).toContain(`removed lab inode-${running.id}`);
      expect(clean.status).toBe(0);
      expect(await traces(running.id, temporary)).toEqual([]);
      expect(run(["demo", "--clean"]).stdout).toContain("nothing was left behind");
    },
  );

  test.skipIf(obstacle !== undefined)(
    "a lab that was killed and whose files are gone is found by its switch, and one that runs with its files elsewhere is left alone",
    async () => {
      const [running, killed] = [await createLab({ nodes: 2, zones: 1, agents: false }), await demo([])];
      killed.child.kill("SIGKILL");
      await once(killed.child, "exit");
      await rm(`${temporary}/inode-${killed.id}`, { recursive: true });
      expect(run(["demo", "--clean"]).stdout).toContain(`removed lab inode-${killed.id}`);
      expect(await traces(killed.id, temporary)).toEqual([]);
      expect((await traces(running.id)).filter((trace) => trace.startsWith("namespace"))).toHaveLength(5);
      await running[Symbol.asyncDispose]();
    },
  );

  test.skipIf(obstacle !== undefined)("another terminal breaks something, sees what it did, and mends it", async () => {
    const running = await demo([]);
    expect(run(["fault", "list"]).stdout).toContain("nothing is broken");
    const added = run(["fault", "drop node-1->node-2"]);
    expect([added.status, added.stdout.trim()]).toEqual([0, "fault 1 is in force: drop node-1->node-2"]);
    await until("its packets are counted", () => / [1-9]\d* dropped of /.test(run(["fault", "list"]).stdout));
    const { faults } = JSON.parse(run(["fault", "list", "-o", "json"]).stdout) as {
      faults: { counters: { matched: number; affected: number } }[];
    };
    expect(faults[0]!.counters.affected).toBe(faults[0]!.counters.matched);
    const wrong = run(["fault", "drop node-1- node-2"]);
    expect([wrong.status, wrong.stderr.includes("put the fault in quotes")]).toEqual([2, true]);
    expect(run(["fault", "clear", "5"]).stderr).toContain("there is no fault 5; there are 1");
    expect(run(["fault", "clear"]).stdout).toContain("fault 1 is mended: drop node-1->node-2 (");
    await until("the demo's own terminal was told", () => running.output().includes("fault 1 ends"));
    await stop(running, "SIGINT");
    const gone = run(["fault", "list"]);
    expect([gone.status, gone.stderr.includes("no lab is running")]).toEqual([1, true]);
  });

  test("a port that is taken is named, and nothing is left of the mesh that was built for it", async () => {
    await using server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { status, stderr } = run(["demo", "--nodes", "2", "--loopback", "--port", String(port)]);
    expect([status, stderr.includes(`127.0.0.1:${port}`), stderr.includes("--port")]).toEqual([1, true, true]);
    expect((await readdir(temporary)).filter((name) => name.startsWith("inode-"))).toEqual([]);
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
    const { status, stderr } = run(["demo", ...args]);
    expect([status, stderr]).toEqual([2, expect.stringContaining(words)]);
  });

  const asNobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
  const canBeNobody =
    process.geteuid?.() === 0 &&
    spawnSync(asNobody[0]!, [...asNobody.slice(1), process.execPath, MAIN, "version"]).status === 0;
  const prefixes = [
    ...(canBeNobody ? [["another user", asNobody] as const] : []),
    ...(process.geteuid?.() === 0 ? [] : [["this user", []] as const]),
  ];

  test.each(prefixes)(
    "without root (%s) agents run on loopback, it says what that cannot show, and nothing is left",
    async (_, prefix) => {
      const running = await demo([], prefix);
      expect(running.output()).toMatch(/need root: run it with sudo/);
      expect(running.output()).toContain("What this cannot show:");
      await until("a pair was measured", async () => {
        const mesh = (await (await fetch(new URL("/api/v1/mesh", running.page))).json()) as {
          rows: { pairs: { protocol: string; window: { probes: number; failures: number } }[] }[];
        };
        return (
          mesh.rows.length === 2 &&
          mesh.rows.every((row) =>
            row.pairs.some((pair) => pair.protocol === "tcp" && pair.window.probes > pair.window.failures),
          )
        );
      });
      expect(await stop(running, "SIGINT")).toBe(0);
      expect(await traces(running.id, temporary)).toEqual([]);
    },
  );
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  // The demo takes a block, and metrics 1000 above: below the range where the kernel picks from.
  return 20_000 + (port % 10_000);
}
