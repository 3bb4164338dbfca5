// The image of this checkout as files that a machine can see: built, taken out of its archive, gone with the run.
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../cluster/command.ts";
import { CACHE } from "./cache.ts";

const BUILD = fileURLToPath(new URL("../../scripts/image/build.ts", import.meta.url));
const BUILD_LIMIT_MS = 30 * 60_000;

export interface Image extends Disposable {
  /** Holds the files in `root`, and the image's configuration in `config.json`. */
  readonly folder: string;
}

interface Descriptor {
  readonly digest: string;
}

/** `given`: an archive that `npm run image` wrote; built when absent. */
export async function imageFiles(given: string | undefined, log: (line: string) => void): Promise<Image> {
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, "image-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const dispose = () => {
    process.off("exit", remove);
    remove();
  };
  process.on("exit", remove);
  try {
    const archive = given ?? join(folder, "internode.oci.tar");
    if (given === undefined) {
      log("kernels: building the image");
      await run(process.execPath, [BUILD, "--out", archive], { timeoutMs: BUILD_LIMIT_MS });
    }
    await unpack(archive, folder);
    return { folder, [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** OCI image-spec, image-layout.md. The layers of this image only add files. */
async function unpack(archive: string, folder: string): Promise<void> {
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
  await rm(layout, { recursive: true });
}
