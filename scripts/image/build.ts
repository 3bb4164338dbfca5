// `npm run image [-- --out FILE] [--to DESTINATION]`: builds the Dockerfile, every step of it, on bases made here, into an
// OCI archive, and brings it to a cluster or registry.
import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ensurePackages, IMAGE_PACKAGES } from "../tools/debian.ts";
import { ARCHITECTURES, asArchitecture, EMULATION_PACKAGES, emulated, OWN_ARCHITECTURE } from "./architecture.ts";
import { BUILD_BASE, ensureBase, RUN_BASE } from "./bases.ts";
import { Buildah } from "./buildah.ts";
import { run } from "./command.ts";
import { deliver, DESTINATIONS, parseDestination } from "./destination.ts";
import { fullName } from "./name.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const STORE = process.env["INTERNODE_IMAGES"] ?? join(homedir(), ".cache/internode/images");
const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as { readonly version: string };
const outOf = (suffix: string): string => join(ROOT, `dist/internode-${version}${suffix}.oci.tar`);
const HELP = `Builds the image of this checkout: npm run image [-- OPTIONS]

  --out FILE          the archive (OCI) it is written to (default ${relative(ROOT, outOf(""))}, or with the processor in its name where it is another one's)
  --arch ARCHITECTURE ${ARCHITECTURES.join(" or ")} (default ${OWN_ARCHITECTURE}); another processor's is built under emulation, ten times as slow
  --to DESTINATION    load or push it as well: ${DESTINATIONS}

Needs root and Debian. Anywhere else: docker build -t internode:${version} .`;

const { values, destination } = options();
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
try {
  await build();
} catch (error) {
  console.error(`image: ${(error as Error).message}`);
  process.exit(1);
}

async function build(): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new Error(
      `building an image without a container engine needs root. With one: docker build -t internode:${version} .`,
    );
  const started = performance.now();
  const { architecture } = values;
  await ensurePackages(
    { ...IMAGE_PACKAGES, ...(architecture === OWN_ARCHITECTURE ? {} : EMULATION_PACKAGES) },
    console.log,
  );
  await using emulation = await emulated(architecture);
  void emulation;
  await mkdir(STORE, { recursive: true });
  const buildah = new Buildah(STORE);
  const bases = {
    BUILD_BASE: await ensureBase(buildah, BUILD_BASE, { architecture, log: console.log }),
    RUN_BASE: await ensureBase(buildah, RUN_BASE, { architecture, log: console.log }),
  };
  const { revision, timestampS } = await commit();
  const created = new Date(timestampS * 1000).toISOString();
  const suffix = architecture === OWN_ARCHITECTURE ? "" : `-${architecture}`;
  const { out = outOf(suffix) } = values;
  const name = fullName(version);
  const stored = `${name}${suffix}`;
  await buildah.build({
    architecture,
    context: ROOT,
    name: stored,
    timestampS,
    arguments: { ...bases, VERSION: version, REVISION: revision, CREATED: created },
  });
  await mkdir(dirname(out), { recursive: true });
  await rm(out, { force: true });
  await buildah.export(stored, { file: out, as: name });
  const { size } = await stat(out);
  const tookS = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`image: ${name} for ${architecture} in ${tookS} s: ${out}, ${(size / 1e6).toFixed(1)} MB compressed`);

  if (destination === undefined) return;
  const flags = await deliver(destination, { name, stored, version, archive: out }, buildah);
  const install = "helm install internode ./chart --namespace internode --create-namespace";
  console.log(`image: ${destination.kind} has it. Next: ${install}${flags}`);
}

/** It dates the image: nothing in it depends on when it was built. A checkout without history has none. */
async function commit(): Promise<{ readonly revision: string; readonly timestampS: number }> {
  const git = async (...args: readonly string[]): Promise<string> => (await run("git", ["-C", ROOT, ...args])).trim();
  try {
    const revision = await git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*");
    return { revision, timestampS: Number(await git("log", "-1", "--format=%ct")) };
  } catch {
    return { revision: "unknown", timestampS: 0 };
  }
}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        out: { type: "string" },
        arch: { type: "string", default: OWN_ARCHITECTURE },
        to: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    return {
      values: { ...values, architecture: asArchitecture(values.arch) },
      destination: values.to === undefined ? undefined : parseDestination(values.to),
    };
  } catch (error) {
    console.error(`image: ${(error as Error).message}\n\n${HELP}`);
    return process.exit(2);
  }
}
