// An emulated machine that boots a kernel into folders of this machine, read-only below a layer in memory, runs one script there as
// root and powers off. No KVM needed, and nothing of it can reach the network or write to the disk.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Architecture } from "../../scripts/image/architecture.ts";
import { writeInitrd } from "./initrd.ts";
import type { Kernel } from "./kernels.ts";
import type { Share } from "./root.ts";

/** Programs of Debian packages that this takes, and those that the tests inside take. */
export const GUEST_PACKAGES = {
  "busybox-static": "/usr/bin/busybox",
  cpio: "/usr/bin/cpio",
  "xz-utils": "/usr/bin/xz",
  "wireguard-tools": "/usr/bin/wg",
  runc: "/usr/sbin/runc",
  "golang-github-containers-common": "/usr/share/containers/seccomp.json",
} as const;

interface Processor {
  /** Package → a file of it. */
  readonly packages: Readonly<Record<string, string>>;
  readonly program: string;
  readonly arguments: readonly string[];
  /** Of the kernel. */
  readonly parameters: string;
}

export const PROCESSORS: Readonly<Record<Architecture, Processor>> = {
  amd64: {
    packages: { "qemu-system-x86": "/usr/bin/qemu-system-x86_64" },
    program: "/usr/bin/qemu-system-x86_64",
    arguments: ["-cpu", "max"],
    // Without the check: a machine that is starved while it boots takes the timer for broken, and panics.
    parameters: "console=ttyS0 no_timer_check",
  },
  arm64: {
    packages: {
      "qemu-system-arm": "/usr/bin/qemu-system-aarch64",
      // For its files (root.ts).
      mmdebstrap: "/usr/bin/mmdebstrap",
      "g++-aarch64-linux-gnu": "/usr/bin/aarch64-linux-gnu-g++",
    },
    program: "/usr/bin/qemu-system-aarch64",
    // Pointer authentication as the processor's makers define it takes half of the time.
    arguments: ["-M", "virt", "-cpu", "max,pauth-impdef=on"],
    parameters: "console=ttyAMA0",
  },
};

const MEMORY_MB = 3072;

export interface GuestRun {
  readonly kernel: Kernel;
  /** The first is `/`; each lies over what came before it. */
  readonly shares: readonly Share[];
  /** For /bin/sh. */
  readonly script: string;
  readonly limitMs: number;
  readonly onLine: (line: string) => void;
}

/** Resolves to how the machine ended: powered off, or against its will. */
export async function runGuest({ kernel, shares, script, limitMs, onLine }: GuestRun): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "internode-guest-"));
  let child: ChildProcess | undefined;
  const dispose = () => {
    child?.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  process.on("exit", dispose);
  try {
    const all = [...shares, { path: join(kernel.root, "lib/modules"), at: "/lib/modules" }];
    const initrd = await writeInitrd({ folder, kernel, shares: all, script });
    const { program, arguments: own, parameters } = PROCESSORS[kernel.architecture];
    const machine = [
      ["-accel", "tcg,thread=multi", ...own, "-smp", "2", "-m", String(MEMORY_MB)],
      ["-kernel", kernel.image, "-initrd", initrd, "-append", `${parameters} quiet loglevel=3 panic=-1`],
      all.flatMap(({ path }, i) => [
        "-virtfs",
        `local,path=${path},mount_tag=share${i},security_model=none,readonly=on,multidevs=remap`,
      ]),
      ["-nographic", "-no-reboot", "-nic", "none"],
    ];
    child = spawn(program, machine.flat(), {
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
