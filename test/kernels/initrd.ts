// The first file system of an emulated machine: a shell, the modules that it takes to reach the folders shared with it, and what
// lays those out and goes on in them.
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "../cluster/command.ts";
import type { Kernel } from "./kernels.ts";
import type { Share } from "./root.ts";

/** Needed before there is a file system to load others from. */
const FIRST_MODULES = ["virtio_pci", "9pnet_virtio", "9p", "overlay"];

/** Each folder shared is read-only; what is written goes to a layer in memory. */
const init = (shares: readonly Share[]): string => `#!/bin/busybox sh
/bin/busybox mkdir -p /sbin /usr/bin /usr/sbin /lower /up /new
/bin/busybox --install -s
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
# A console that came late is not open yet.
exec < /dev/console > /dev/console 2>&1
for module in ${FIRST_MODULES.join(" ")}; do modprobe $module; done
mount -t tmpfs -o size=80% tmpfs /up
share() {
  mkdir -p /lower/$1 /up/$1/upper /up/$1/work "$2"
  mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=524288 $1 /lower/$1
  mount -t overlay -o lowerdir=/lower/$1,upperdir=/up/$1/upper,workdir=/up/$1/work overlay "$2"
}
share share0 /new
mkdir -p /new/proc /new/sys /new/dev /new/run /new/tmp /new/var/tmp
for folder in proc sys dev; do mount --move /$folder /new/$folder; done
for folder in run var/tmp tmp; do mount -t tmpfs tmpfs /new/$folder; done
${shares
  .slice(1)
  .map(({ at }, i) => `share share${i + 1} '/new${at}'`)
  .join("\n")}
mkdir -p /new/dev/pts /new/dev/shm
mount -t devpts devpts /new/dev/pts; mount -t tmpfs tmpfs /new/dev/shm
ln -s /proc/self/fd /new/dev/fd
cp /script /new/run/script
# The kernel asks a program for modules by alias: "reject" of nftables is nft_reject_ipv4. The files shared may have none.
cp /bin/busybox /new/run/busybox
ln -s busybox /new/run/modprobe
echo /run/modprobe > /new/proc/sys/kernel/modprobe
exec switch_root /new /bin/sh /run/script
`;

export interface Initrd {
  /** Where it is written to. */
  readonly folder: string;
  readonly kernel: Kernel;
  readonly shares: readonly Share[];
  readonly script: string;
}

/** Resolves to the file. */
export async function writeInitrd({ folder, kernel, shares, script }: Initrd): Promise<string> {
  const root = join(folder, "initrd");
  const modules = `lib/modules/${kernel.release}`;
  await mkdir(join(root, "bin"), { recursive: true });
  for (const name of ["proc", "sys", "dev"]) await mkdir(join(root, name));
  await cp(busyboxIn(shares[0]!.path), join(root, "bin/busybox"));
  const dependencies = await readFile(join(kernel.root, modules, "modules.dep"), "utf8");
  for (const file of filesOf(FIRST_MODULES, dependencies)) {
    await mkdir(dirname(join(root, modules, file)), { recursive: true });
    await cp(join(kernel.root, modules, file), join(root, modules, file));
  }
  for (const name of ["modules.dep", "modules.alias", "modules.symbols", "modules.builtin"])
    await cp(join(kernel.root, modules, name), join(root, modules, name)).catch(() => {}); // not every depmod writes all
  await writeFile(join(root, "init"), init(shares), { mode: 0o755 });
  await writeFile(join(root, "script"), `${script}\necho o > /proc/sysrq-trigger\nsleep 60\n`);
  const archive = join(folder, "initrd.gz");
  await run("sh", ["-ec", 'cd "$1"; find . | cpio -o -H newc --quiet | gzip -1 > "$2"', "sh", root, archive]);
  return archive;
}

/** Linked statically, for the machine's processor. */
function busyboxIn(root: string): string {
  const file = [join(root, "usr/bin/busybox"), join(root, "bin/busybox")].find(existsSync);
  if (file === undefined) throw new Error(`there is no busybox in ${root}`);
  return file;
}

/** Of these modules and all that they need. A module that is built into the kernel has none. */
export function filesOf(names: readonly string[], dependencies: string): readonly string[] {
  const lines = dependencies.split("\n").map((line) => line.replace(":", " ").trim().split(/\s+/));
  return [...new Set(names.flatMap((name) => lines.find(([file]) => file?.endsWith(`/${name}.ko`)) ?? []))];
}
