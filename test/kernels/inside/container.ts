// The agent in a container as the runtimes of Kubernetes make one, by the same program (runc): the image's files read-only,
// its user, no capability, the default seccomp profile, limits by control group of version 2.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seccompOf } from "./seccomp.ts";

/** Folder with the image's files in `root` and its configuration in `config.json`; set by the runner (suite.ts). */
export const IMAGE = process.env["KERNELS_IMAGE"] ?? "";
const CGROUPS = "/sys/fs/cgroup";
const PERIOD_US = 100_000;

interface ImageConfig {
  readonly config: { readonly Env: readonly string[]; readonly Entrypoint: readonly string[]; readonly User: string };
}

export interface ContainerOptions {
  readonly name: string;
  /** As `ip netns` knows it. */
  readonly namespace: string;
  /** Files of /config. */
  readonly files: Readonly<Record<string, unknown>>;
  readonly arguments: readonly string[];
  readonly memoryBytes: number;
  /** Beyond what the image asks for: none. */
  readonly capabilities?: readonly string[];
  readonly user?: number;
}

export interface Container extends Disposable {
  readonly pid: number;
  log(): string;
  /** A file of its control group. */
  cgroup(file: string): string;
  /** From now on it gets this share of a processor. */
  limitCpu(share: number): void;
}

/** Mounts the one hierarchy of version 2 where the machine has none, and lets groups below limit what we limit. */
export function mountCgroups(): void {
  if (!existsSync(`${CGROUPS}/cgroup.controllers`)) sh("mount", "-t", "cgroup2", "cgroup2", CGROUPS);
  writeFileSync(`${CGROUPS}/cgroup.subtree_control`, "+cpu +memory +pids");
}

export async function startContainer(options: ContainerOptions): Promise<Container> {
  const { name, files } = options;
  const bundle = mkdtempSync(join(tmpdir(), `internode-${name}-`));
  mkdirSync(join(bundle, "config"), { mode: 0o755 });
  for (const [file, value] of Object.entries(files))
    writeFileSync(join(bundle, "config", file), JSON.stringify(value), { mode: 0o644 });
  const image = JSON.parse(readFileSync(join(IMAGE, "config.json"), "utf8")) as ImageConfig;
  writeFileSync(join(bundle, "config.json"), JSON.stringify(specification(options, image, bundle)));
  const logFile = join(bundle, "log");
  const pidFile = join(bundle, "pid");
  const log = openSync(logFile, "a");
  const child: ChildProcess = spawn("runc", ["run", "--bundle", bundle, "--pid-file", pidFile, name], {
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  let ended: string | undefined;
  child.on("error", ({ message }) => (ended = message));
  child.on("exit", (code, signal) => (ended = signal ?? `code ${code}`));
  const dispose = () => {
    spawnSync("runc", ["delete", "--force", name]);
    rmSync(bundle, { recursive: true, force: true });
  };
  const read = () => readFileSync(logFile, "utf8");
  while (!existsSync(pidFile) || readFileSync(pidFile, "utf8") === "") {
    if (ended !== undefined) {
      const words = read();
      dispose();
      throw new Error(`runc ended with ${ended}: ${words}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    pid: Number(readFileSync(pidFile, "utf8")),
    log: read,
    cgroup: (file) => readFileSync(`${CGROUPS}/internode/${name}/${file}`, "utf8"),
    limitCpu: (share) =>
      writeFileSync(`${CGROUPS}/internode/${name}/cpu.max`, `${Math.round(share * PERIOD_US)} ${PERIOD_US}`),
    [Symbol.dispose]: dispose,
  };
}

/** runtime-spec, config.md and config-linux.md. */
function specification(options: ContainerOptions, { config }: ImageConfig, bundle: string): object {
  const { name, namespace, memoryBytes, capabilities = [] } = options;
  const user = options.user ?? Number(config.User.split(":")[0]);
  return {
    ociVersion: "1.0.2",
    process: {
      user: { uid: user, gid: user },
      args: [...config.Entrypoint, ...options.arguments],
      env: config.Env,
      cwd: "/",
      capabilities: Object.fromEntries(["bounding", "effective", "permitted"].map((set) => [set, capabilities])),
      noNewPrivileges: true,
    },
    root: { path: join(IMAGE, "root"), readonly: true },
    hostname: name,
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755"] },
      { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
      { destination: "/config", type: "bind", source: join(bundle, "config"), options: ["rbind", "ro"] },
    ],
    linux: {
      namespaces: [
        ...["pid", "ipc", "uts", "mount", "cgroup"].map((type) => ({ type })),
        { type: "network", path: `/run/netns/${namespace}` },
      ],
      cgroupsPath: `/internode/${name}`,
      resources: {
        devices: [{ allow: false, access: "rwm" }],
        memory: { limit: memoryBytes },
      },
      seccomp: seccompOf(capabilities),
      maskedPaths: ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/sys/firmware"],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}

function sh(program: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
}
