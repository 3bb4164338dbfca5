// The image of this checkout as files that a machine can see: built, taken out of its archive, gone with the run.
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { asArchitecture, type Architecture } from "../../scripts/image/architecture.ts";
import { run } from "../cluster/command.ts";
import { CACHE } from "./cache.ts";

const BUILD = fileURLToPath(new URL("../../scripts/image/build.ts", import.meta.url));
/** For another processor everything is emulated. */
const BUILD_LIMIT_MS = 90 * 60_000;

export interface Image extends Disposable {
  readonly architecture: Architecture;
  /** Holds the files in `root`, and the image's configuration in `config.json`. */
  readonly folder: string;
}

/** An archive that `npm run image` wrote, or the processor to build for. */
export type ImageOrigin = { readonly archive: string } | { readonly architecture: Architecture };

interface Descriptor {
  readonly digest: string;
}

export async function imageFiles(origin: ImageOrigin, log: (line: string) => void): Promise<Image> {
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, "image-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const dispose = () => {
    process.off("exit", remove);
    remove();
  };
  process.on("exit", remove);
  try {
    const archive = "archive" in origin ? origin.archive : join(folder, "internode.oci.tar");
    if ("architecture" in origin) {
      const { architecture } = origin;
      log(`kernels: building the image for ${architecture}`);
      await run(process.execPath, [BUILD, "--arch", architecture, "--out", archive], { timeoutMs: BUILD_LIMIT_MS });
    }
    const architecture = await unpack(archive, folder);
    return { architecture, folder, [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** OCI image-spec, image-layout.md. The layers of this image only add files. Resolves to the processor it is for. */
async function unpack(archive: string, folder: string): Promise<Architecture> {
  const [layout, root] = [join(folder, "layout"), join(folder, "root")];
  await mkdir(layout);
  await mkdir(root);
  await run("tar", ["-xf", archive, "-C", layout]);
  const blob = ({ digest }: Descriptor) => join(layout, "blobs", digest.replace(":", "/"));
  const json = async <T>(file: string) => JSON.parse(await readFile(file, "utf8")) as T;
  const index = await json<{ readonly manifests: readonly Descriptor[] }>(join(layout, "index.json"));
  const { config, layers } = await json<{ readonly config: Descriptor; readonly layers: readonly Descriptor[] }>(
    blob(index.manifests[0]!),
  );
  for (const layer of layers) await run("tar", ["-xf", blob(layer), "-C", root]);
  await writeFile(join(folder, "config.json"), await readFile(blob(config)));
  const { architecture } = await json<{ readonly architecture: string }>(blob(config));
  await rm(layout, { recursive: true });
  return asArchitecture(architecture);
}
