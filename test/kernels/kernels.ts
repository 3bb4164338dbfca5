// Debian's kernels of several ages, fetched as packages and unpacked, never installed: for emulated machines.
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Architecture } from "../../scripts/image/architecture.ts";
import { run } from "../cluster/command.ts";
import { CACHE } from "./cache.ts";

/** Name → the Debian suite whose kernel it is, and for which processor. */
export const KERNELS = {
  "5.10": { suite: "bullseye", architecture: "amd64" },
  "6.1": { suite: "bookworm", architecture: "amd64" },
  "6.12": { suite: "trixie", architecture: "amd64" },
  newest: { suite: "sid", architecture: "amd64" },
  "6.1-arm64": { suite: "bookworm", architecture: "arm64" },
} as const satisfies Readonly<Record<string, Origin>>;
export type KernelName = keyof typeof KERNELS;

interface Origin {
  readonly suite: string;
  readonly architecture: Architecture;
}

export interface Kernel {
  readonly architecture: Architecture;
  /** As `uname -r` says it. */
  readonly release: string;
  readonly image: string;
  /** Folder that holds `lib/modules/RELEASE`. */
  readonly root: string;
}

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const MIRROR = "http://deb.debian.org/debian";
const FETCH_LIMIT_MS = 10 * 60_000;

/** What the guest may load. The rest, and that is most, need not be unpacked. */
const MODULES = ["net", "lib", "crypto", "arch", "drivers/net", "drivers/virtio", "fs/9p", "fs/netfs", "fs/fscache"];

export async function ensureKernel(name: KernelName, log: (line: string) => void): Promise<Kernel> {
  const root = join(CACHE, name);
  if (!existsSync(root)) {
    log(`kernels: fetching ${name} of Debian ${KERNELS[name].suite}`);
    const folder = `${root}.${process.pid}`;
    await mkdir(folder, { recursive: true });
    try {
      if (!existsSync(KEYRING)) throw new Error(`fetching Debian's kernels needs Debian: there is no ${KEYRING}`);
      await fetchKernel(KERNELS[name], folder);
      await rename(folder, root);
    } catch (error) {
      const cure = `A machine whose apt-get reaches ${MIRROR} can make ${root}, which may be copied here`;
      throw new Error(`the kernel ${name} could not be fetched. ${cure}`, { cause: error });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  const [release] = await readdir(join(root, "lib/modules"));
  if (release === undefined) throw new Error(`${root} holds no kernel: remove it, and it is fetched anew`);
  const { architecture } = KERNELS[name];
  return { architecture, release, image: join(root, `vmlinuz-${release}`), root };
}

/** By lists of packages of its own: this machine's suite has but one kernel. */
async function fetchKernel({ suite, architecture }: Origin, folder: string): Promise<void> {
  const work = join(folder, "work");
  await mkdir(join(work, "lists/partial"), { recursive: true });
  await writeFile(join(work, "list"), `deb [signed-by=${KEYRING}] ${MIRROR} ${suite} main\n`);
  const options = {
    "Dir::Etc::sourcelist": join(work, "list"),
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::State::Lists": join(work, "lists"),
    // What is installed here is no matter.
    "Dir::State::status": "/dev/null",
    "APT::Architecture": architecture,
    "APT::Architectures": architecture,
    "Dir::Cache::pkgcache": "",
    "Dir::Cache::srcpkgcache": "",
  };
  const own = Object.entries(options).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  await run("apt-get", [...own, "-qq", "update"], { timeoutMs: FETCH_LIMIT_MS });
  const needs = async (name: string, wanted: RegExp): Promise<readonly string[]> => {
    const depends = await run("apt-cache", [...own, "depends", name]);
    return [...depends.matchAll(/Depends: (\S+)/g)].map(([, one]) => one!).filter((one) => wanted.test(one));
  };
  const [image] = await needs(`linux-image-${architecture}`, /^linux-image-\d/);
  if (image === undefined) throw new Error(`linux-image-${architecture} of Debian ${suite} names no kernel`);
  // From forky on the image is empty, and others have what was in it.
  const packages = [image, ...(await needs(image, /^linux-(base|binary|modules)-\d/))];
  await run("sh", ["-ec", 'cd "$1"; shift; apt-get "$@"', "sh", work, ...own, "-qq", "download", ...packages], {
    timeoutMs: FETCH_LIMIT_MS,
  });
  await run("sh", ["-ec", UNPACK, "sh", folder, ...MODULES], { timeoutMs: FETCH_LIMIT_MS });
}

/** Newer suites have their modules below /usr, and compressed, which busybox does not read. */
const UNPACK = `
cd "$1"; shift
for package in work/*.deb; do dpkg -x "$package" work/x; done
vmlinuz=$(find work/x -name 'vmlinuz*' -type f)
modules=$(echo work/x/lib/modules/* work/x/usr/lib/modules/* | tr ' ' '\\n' | grep -v '\\*')
release=$(basename "$modules")
mv "$vmlinuz" "vmlinuz-$release"
mkdir -p "lib/modules/$release/kernel"
cp "$modules"/modules.builtin* "$modules"/modules.order "lib/modules/$release/"
for part in "$@" fs/overlayfs; do
  [ -d "$modules/kernel/$part" ] || continue
  mkdir -p "lib/modules/$release/kernel/$part"
  cp -r "$modules/kernel/$part/." "lib/modules/$release/kernel/$part/"
done
find lib -name '*.ko.xz' -exec xz -d {} +
busybox depmod -b . "$release"
rm -rf work
`;
