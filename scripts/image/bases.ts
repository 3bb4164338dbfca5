// Bases for the Dockerfile where none can be pulled: Debian by mmdebstrap and the Node.js of the lock file, laid out
// as node:24-trixie and distroless/nodejs24 are. Kept in the image store under a name with all versions in it.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Buildah } from "./buildah.ts";
import { NODE_ARCH, OWN_ARCHITECTURE, type Architecture } from "./architecture.ts";
import { run } from "./command.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SUITE = "bookworm";
const NPM_VERSION = "11.6.2";

interface Base {
  readonly name: string;
  readonly packages: readonly string[];
  /** mmdebstrap's: "extract" unpacks what is asked for and configures nothing, so there is no shell. */
  readonly variant: "minbase" | "extract";
  readonly node: string;
  readonly npm: boolean;
  readonly environment: readonly string[];
}

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export const BUILD_BASE: Base = {
  name: "build-base",
  packages: ["ca-certificates", "g++", "make", "python3"],
  variant: "minbase",
  node: "usr/local/bin/node",
  npm: true,
  // The machine's own authorities, which the build is lent: npm may only reach its registry through a proxy's.
  environment: [PATH, "NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt"],
};
export const RUN_BASE: Base = {
  name: "run-base",
  packages: ["libc6", "libgcc-s1", "libstdc++6"],
  variant: "extract",
  node: "nodejs/bin/node",
  npm: false,
  environment: [PATH],
};

interface BaseOptions {
  readonly architecture: Architecture;
  readonly log: (line: string) => void;
}

/** Name of the base in the store, made when it is not there. */
export async function ensureBase(buildah: Buildah, base: Base, { architecture, log }: BaseOptions): Promise<string> {
  const version = await nodeVersion();
  const key = createHash("sha256")
    .update(
      JSON.stringify([base, SUITE, version, NPM_VERSION, ...(architecture === OWN_ARCHITECTURE ? [] : [architecture])]),
    )
    .digest("hex")
    .slice(0, 8);
  const name = `localhost/internode-${base.name}:node${version}-${SUITE}-${key}`;
  if (await buildah.has(name)) return name;

  const started = performance.now();
  const folder = await mkdtemp(join(tmpdir(), "internode-base-"));
  try {
    const root = join(folder, "root");
    await debootstrap(base, root, architecture);
    await addNode(base, root, await nodeProgram(architecture, folder));
    await buildah.importRoot(root, { name, architecture, environment: base.environment });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  log(`image: base ${name} made in ${((performance.now() - started) / 1000).toFixed(0)} s`);
  return name;
}

async function debootstrap({ variant, packages }: Base, root: string, architecture: Architecture): Promise<void> {
  const options = [
    `--architectures=${architecture}`,
    `--variant=${variant}`,
    `--include=${packages.join(",")}`,
    "--mode=root",
    "--format=directory",
    "--quiet",
  ];
  // Documentation and caches are no part of a base.
  const lean = [
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
  ];
  await run("mmdebstrap", [...options, ...lean, '--aptopt=APT::Install-Recommends "false"', SUITE, root]);
  await Promise.all(
    ["var/lib/apt", "var/cache", "var/log"].map((path) => rm(join(root, path), { recursive: true, force: true })),
  );
}

async function addNode({ node, npm, variant }: Base, root: string, program: string): Promise<void> {
  const target = join(root, node);
  await mkdir(join(target, ".."), { recursive: true });
  await copyFile(program, target);
  await chmod(target, 0o755);
  if (npm)
    await run("npm", [
      "install",
      "--global",
      "--prefix",
      join(root, "usr/local"),
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
      `npm@${NPM_VERSION}`,
    ]);
  if (variant === "extract") await addDistrolessFiles(root);
}

/** What a base without a base-files package lacks. */
async function addDistrolessFiles(root: string): Promise<void> {
  await mkdir(join(root, "etc"), { recursive: true });
  await mkdir(join(root, "tmp"), { recursive: true });
  await chmod(join(root, "tmp"), 0o1777);
  await writeFile(
    join(root, "etc/passwd"),
    "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n",
  );
  await writeFile(join(root, "etc/group"), "root:x:0:\nnonroot:x:65532:\n");
  await writeFile(join(root, "etc/nsswitch.conf"), "hosts: files dns\n");
  await writeFile(
    join(root, "etc/os-release"),
    `PRETTY_NAME="Debian ${SUITE}, no shell"\nID=debian\nVERSION_CODENAME=${SUITE}\n`,
  );
}

/** Of the lock file's version. A checkout has that of its own processor only. */
async function nodeProgram(architecture: Architecture, folder: string): Promise<string> {
  const name = `node-linux-${NODE_ARCH[architecture]}`;
  const own = join(ROOT, "node_modules", name, "bin/node");
  if (existsSync(own)) return own;
  const archive = (
    await run("npm", ["pack", "--silent", "--pack-destination", folder, `${name}@${await nodeVersion()}`])
  )
    .trim()
    .split("\n")
    .at(-1)!;
  await run("tar", ["-xzf", join(folder, archive), "-C", folder, "package/bin/node"]);
  return join(folder, "package/bin/node");
}

async function nodeVersion(): Promise<string> {
  const file = await readFile(join(ROOT, `node_modules/node-linux-${process.arch}/package.json`), "utf8");
  return (JSON.parse(file) as { readonly version: string }).version;
}
