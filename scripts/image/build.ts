// `npm run image [-- --out FILE]`: builds the Dockerfile, every step of it, on bases made here, into an OCI archive.
import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ensurePackages, IMAGE_PACKAGES } from "../tools/debian.ts";
import { BUILD_BASE, ensureBase, RUN_BASE } from "./bases.ts";
import { Buildah } from "./buildah.ts";
import { run } from "./command.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const STORE = process.env["INTERNODE_IMAGES"] ?? join(homedir(), ".cache/internode/images");

const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as { readonly version: string };
const { values } = parseArgs({
  options: { out: { type: "string", default: join(ROOT, `dist/internode-${version}.oci.tar`) } },
});
const name = `ghcr.io/internode/internode:${version}`;

if (process.getuid?.() !== 0) throw new Error("building an image with chroot isolation needs root");
const started = performance.now();
await ensurePackages(IMAGE_PACKAGES, console.log);
await mkdir(STORE, { recursive: true });
const buildah = new Buildah(STORE);
const bases = {
  BUILD_BASE: await ensureBase(buildah, BUILD_BASE, console.log),
  RUN_BASE: await ensureBase(buildah, RUN_BASE, console.log),
};

// The commit dates the image: nothing in it depends on when it was built.
const git = async (...args: readonly string[]): Promise<string> => (await run("git", ["-C", ROOT, ...args])).trim();
const revision = await git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*");
const seconds = await git("log", "-1", "--format=%ct");
const timestampS = Number(seconds);
const created = new Date(timestampS * 1000).toISOString();
await buildah.build({
  context: ROOT,
  name,
  timestampS,
  arguments: { ...bases, VERSION: version, REVISION: revision, CREATED: created },
});
await mkdir(dirname(values.out), { recursive: true });
await rm(values.out, { force: true });
await buildah.export(name, values.out);

const { size } = await stat(values.out);
console.log(
  `image: ${name} in ${((performance.now() - started) / 1000).toFixed(0)} s: ${values.out}, ${(size / 1e6).toFixed(1)} MB compressed`,
);
