// An emulated machine that boots a kernel into this machine's own file system, read-only below a layer in memory, runs one
// script there as root and powers off. No KVM needed, and nothing of it can reach the network or write to the disk.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run } from "../cluster/command.ts";
import type { Kernel } from "./kernels.ts";

/** Programs of Debian packages that this takes, and those that the tests inside take. */
export const GUEST_PACKAGES = {
  "qemu-system-x86": "/usr/bin/qemu-system-x86_64",
  "busybox-static": "/usr/bin/busybox",
  cpio: "/usr/bin/cpio",
  "xz-utils": "/usr/bin/xz",
  "wireguard-tools": "/usr/bin/wg",
  runc: "/usr/sbin/runc",
  "golang-github-containers-common": "/usr/share/containers/seccomp.json",
} as const;

const MEMORY_MB = 3072;
/** Needed before there is a file system to load others from. */
const FIRST_MODULES = ["virtio_pci", "9pnet_virtio", "9p", "overlay"];

/** KERNEL_ROOT is set in front of it. */
const INIT = `
/bin/busybox mkdir -p /sbin /usr/bin /usr/sbin /lower /up /new
/bin/busybox --install -s
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for module in ${FIRST_MODULES.join(" ")}; do modprobe $module; done
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=524288 host /lower
mount -t tmpfs -o size=80% tmpfs /up
mkdir -p /up/upper /up/work
mount -t overlay -o lowerdir=/lower,upperdir=/up/upper,workdir=/up/work overlay /new
for folder in proc sys dev; do mount --move /$folder /new/$folder; done
for folder in run var/tmp tmp; do mount -t tmpfs tmpfs /new/$folder; done
mkdir -p /new/dev/pts /new/dev/shm
cp -r /script /new/run/script
mount -t devpts devpts /new/dev/pts; mount -t tmpfs tmpfs /new/dev/shm
ln -s /proc/self/fd /new/dev/fd
mkdir -p /new/lib/modules
mount --bind "/new$KERNEL_ROOT/lib/modules" /new/lib/modules
# The kernel asks a program for modules by alias: "reject" of nftables is nft_reject_ipv4. The machine below may have none.
ln -s /usr/bin/busybox /new/run/modprobe
echo /run/modprobe > /new/proc/sys/kernel/modprobe
exec switch_root /new /bin/sh /run/script
`;

export interface GuestRun {
  readonly kernel: Kernel;
  /** For /bin/sh. */
  readonly script: string;
  readonly limitMs: number;
  readonly onLine: (line: string) => void;
}

/** Resolves to how the machine ended: powered off, or against its will. */
export async function runGuest({ kernel, script, limitMs, onLine }: GuestRun): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "internode-guest-"));
  let child: ChildProcess | undefined;
  const dispose = () => {
    child?.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  process.on("exit", dispose);
  try {
    const initrd = await writeInitrd(folder, kernel, script);
    child = spawn("qemu-system-x86_64", machine(kernel, initrd), {
      stdio: ["ignore", "pipe", "inherit"],
      timeout: limitMs,
      killSignal: "SIGKILL",
    });
    let rest = "";
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split(/\r?\n/);
      rest = lines.pop()!;
      lines.forEach(onLine);
    });
    const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    if (signal === "SIGKILL") return `was not done after ${limitMs / 60_000} minutes`;
    return code === 0 ? "powered off" : `QEMU ended with ${signal ?? code}`;
  } finally {
    process.off("exit", dispose);
    dispose();
  }
}

const machine = (kernel: Kernel, initrd: string): readonly string[] =>
  [
    ["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", String(MEMORY_MB)],
    ["-kernel", kernel.image, "-initrd", initrd, "-append", "console=ttyS0 quiet loglevel=3 panic=-1"],
    ["-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"],
    ["-nographic", "-no-reboot", "-nic", "none"],
  ].flat();

async function writeInitrd(folder: string, kernel: Kernel, script: string): Promise<string> {
  const root = join(folder, "initrd");
  const modules = `lib/modules/${kernel.release}`;
  await mkdir(join(root, "bin"), { recursive: true });
  for (const name of ["proc", "sys", "dev"]) await mkdir(join(root, name));
  await cp("/usr/bin/busybox", join(root, "bin/busybox"));
  const dependencies = await readFile(join(kernel.root, modules, "modules.dep"), "utf8");
  for (const file of filesOf(FIRST_MODULES, dependencies)) {
    await mkdir(dirname(join(root, modules, file)), { recursive: true });
    await cp(join(kernel.root, modules, file), join(root, modules, file));
  }
  for (const name of ["modules.dep", "modules.alias", "modules.symbols", "modules.builtin"])
    await cp(join(kernel.root, modules, name), join(root, modules, name)).catch(() => {}); // not every depmod writes all
  await writeFile(join(root, "init"), `#!/bin/busybox sh\nKERNEL_ROOT='${kernel.root}'\n${INIT}`, { mode: 0o755 });
  await writeFile(join(root, "script"), `${script}\necho o > /proc/sysrq-trigger\nsleep 60\n`);
  const archive = join(folder, "initrd.gz");
  await run("sh", ["-ec", 'cd "$1"; find . | cpio -o -H newc --quiet | gzip -1 > "$2"', "sh", root, archive]);
  return archive;
}

/** Of these modules and all that they need. A module that is built into the kernel has none. */
export function filesOf(names: readonly string[], dependencies: string): readonly string[] {
  const lines = dependencies.split("\n").map((line) => line.replace(":", " ").trim().split(/\s+/));
  return [...new Set(names.flatMap((name) => lines.find(([file]) => file?.endsWith(`/${name}.ko`)) ?? []))];
}
