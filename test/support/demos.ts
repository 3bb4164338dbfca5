// Demos as a person runs them: processes of their own, in a temporary folder of their own, and what they leave on this
// machine.
import { spawn, spawnSync, type ChildProcess, type SpawnSyncReturns } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { listNamespaces } from "../../lab/machine.ts";

const MAIN = fileURLToPath(new URL("../../lab/main.ts", import.meta.url));
export const CGROUPS = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup"];
const PATIENCE_MS = 40_000;

export interface Demo {
  readonly child: ChildProcess;
  readonly id: string;
  readonly page: string;
  output(): string;
}

export interface Demos extends AsyncDisposable {
  /** TMPDIR of all of them. */
  readonly folder: string;
  /** Until its page answers. Two nodes. `as`: words in front. `port`: one that is free, or what the demo finds itself. */
  start(args?: readonly string[], as?: readonly string[], port?: "free" | "found"): Promise<Demo>;
  stop(demo: Demo, signal: NodeJS.Signals): Promise<number | null>;
  /** Another `internode` command to its end. */
  run(args: readonly string[], as?: readonly string[]): SpawnSyncReturns<string>;
}

export async function openDemos(): Promise<Demos> {
  const folder = await mkdtemp("/tmp/internode-test-");
  // Other users run demos in it, too.
  await chmod(folder, 0o777);
  const env = { ...process.env, TMPDIR: folder };
  const children: ChildProcess[] = [];
  const ids = async () => (await readdir(folder)).filter((name) => name.startsWith("inode-"));
  const run: Demos["run"] = (args, as = []) => {
    const [program, ...words] = [...as, process.execPath, MAIN, ...args];
    return spawnSync(program!, words, { env, encoding: "utf8" });
  };
  return {
    folder,
    run,
    async start(args = [], as = [], port = "free") {
      const before = await ids();
      const shape = ["--nodes", "2", "--zones", "1", ...(port === "free" ? ["--port", String(await freePort())] : [])];
      const [program, ...words] = [...as, process.execPath, MAIN, "demo", ...shape, ...args];
      const child = spawn(program!, words, { env, stdio: ["ignore", "pipe", "pipe"] });
      children.push(child);
      let output = "";
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (text: string) => (output += text));
      await until("the demo is up", () => output.includes("Ctrl-C stops it") || child.exitCode !== null).catch(
        () => {},
      );
      const page = /Page\s+(\S+)/.exec(output)?.[1];
      const [name] = (await ids()).filter((id) => !before.includes(id));
      if (page === undefined || name === undefined) throw new Error(`the demo did not come up:\n${output}`);
      return { child, id: name.slice("inode-".length), page, output: () => output };
    },
    async stop({ child }, signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      child.kill(signal);
      const [code] = (await once(child, "exit")) as [number | null];
      return code;
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill("SIGKILL");
      // What a test that failed has left; a process that nobody has reaped yet counts as ended.
      run(["demo", "--clean"]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`after ${PATIENCE_MS / 1_000} s it was not so: ${what}`);
    await sleep(50);
  }
}

/** Everything of one lab that is on this machine: the census that must be empty in the end. */
export async function traces(id: string, temporary = tmpdir()): Promise<string[]> {
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

/** The demo takes a block, and metrics 1000 above: below the range where the kernel picks from. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return 20_000 + (port % 10_000);
}
