// The files that an emulated machine runs on: this machine's own where its processor is of the same kind. For another one a
// Debian, unpacked and never configured, with the packages of the lock file for it.
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { NODE_ARCH, OWN_ARCHITECTURE, type Architecture } from "../../scripts/image/architecture.ts";
import { run } from "../cluster/command.ts";
import { CACHE } from "./cache.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SUITE = "bookworm";
const COMPILERS: Readonly<Record<Architecture, string>> = { amd64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" };
const LIMIT_MS = 20 * 60_000;
const PACKAGES = [
  [
    "libc6",
    "libgcc-s1",
    "libstdc++6",
    "busybox-static",
    "bash",
    "dash",
    "coreutils",
    "grep",
    "sed",
    "mawk",
    "findutils",
  ],
  ["iproute2", "nftables", "util-linux", "mount", "procps", "iputils-ping", "fping", "tcpdump", "conntrack"],
  ["wireguard-tools", "runc", "golang-github-containers-common"],
].flat();
/** Programs become these users. */
const PASSWD = `root:x:0:0:root:/root:/bin/sh
tcpdump:x:102:102::/nonexistent:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`;
const GROUP = "root:x:0:\ntcpdump:x:102:\nnogroup:x:65534:\n";

/** A folder of this machine, and where the other one sees it. */
export interface Share {
  readonly path: string;
  readonly at: string;
}

export interface Root {
  /** The first is `/`. */
  readonly shares: readonly Share[];
  /** Folder of Node.js there. */
  readonly node: string;
  /** It has this machine's own files, whatever they are. */
  readonly hasOwnFiles: boolean;
}

export async function rootOf(architecture: Architecture, log: (line: string) => void): Promise<Root> {
  if (architecture === OWN_ARCHITECTURE)
    return { shares: [{ path: "/", at: "/" }], node: dirname(process.execPath), hasOwnFiles: true };
  const lock = await readFile(join(ROOT, "package-lock.json"));
  const key = createHash("sha256")
    .update(JSON.stringify([PACKAGES, SUITE]))
    .update(lock)
    .digest("hex")
    .slice(0, 8);
  const cached = join(CACHE, `${architecture}-${key}`);
  if (!existsSync(cached)) {
    log(`kernels: making a Debian for ${architecture}`);
    const folder = `${cached}.${process.pid}`;
    try {
      await makeDebian(architecture, join(folder, "root"));
      await installPackages(architecture, folder);
      await rename(folder, cached);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  const modules = join(cached, "node_modules");
  return {
    shares: [
      { path: join(cached, "root"), at: "/" },
      { path: ROOT, at: ROOT },
      { path: modules, at: join(ROOT, "node_modules") },
    ],
    node: join(ROOT, `node_modules/node-linux-${NODE_ARCH[architecture]}/bin`),
    hasOwnFiles: false,
  };
}

async function makeDebian(architecture: Architecture, root: string): Promise<void> {
  await mkdir(dirname(root), { recursive: true });
  const how = [`--architectures=${architecture}`, "--variant=extract", "--mode=root", "--format=directory", "--quiet"];
  const lean = ["man", "doc", "locale"].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
  const apt = '--aptopt=APT::Install-Recommends "false"';
  await run("mmdebstrap", [...how, ...lean, apt, `--include=${PACKAGES.join(",")}`, SUITE, root], {
    timeoutMs: LIMIT_MS,
  });
  await writeFile(join(root, "etc/passwd"), PASSWD);
  await writeFile(join(root, "etc/group"), GROUP);
}

async function installPackages(architecture: Architecture, folder: string): Promise<void> {
  for (const name of ["package.json", "package-lock.json", ".npmrc"])
    await copyFile(join(ROOT, name), join(folder, name));
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const how = ["ci", "--prefix", folder, "--os=linux", `--cpu=${NODE_ARCH[architecture]}`, "--libc=glibc", ...quiet];
  await run("npm", how, { timeoutMs: LIMIT_MS });
  // The one package that compiles, against the headers that came with Node.js.
  const modules = join(folder, "node_modules");
  await run("npm", ["rebuild", "raw-socket", "--prefix", folder, "--ignore-scripts=false", "--loglevel=error"], {
    timeoutMs: LIMIT_MS,
    env: {
      CC: `${COMPILERS[architecture]}-gcc`,
      CXX: `${COMPILERS[architecture]}-g++`,
      npm_config_arch: architecture,
      npm_config_nodedir: join(modules, `node-linux-${NODE_ARCH[architecture]}`),
    },
  });
}
