// `npm run image -- --to registry.example/team/internode`: the real program pushes to a registry that speaks the real
// protocol.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Buildah } from "../../scripts/image/buildah.ts";
import { deliver, parseDestination } from "../../scripts/image/destination.ts";
import { run } from "../../scripts/image/command.ts";
import { ensurePackages, IMAGE_PACKAGES } from "../../scripts/tools/debian.ts";
import { startRegistry, type Registry } from "../support/registry.ts";
import { IS_FOREIGN, report } from "./target.ts";

describe.skipIf(IS_FOREIGN)("a registry of one's own (needs no cluster)", () => {
  let folder: string;
  let registry: Registry;
  let buildah: Buildah;
  const name = "docker.io/library/internode:1.2.3";
  beforeAll(async () => {
    await ensurePackages(IMAGE_PACKAGES, report);
    folder = await mkdtemp(join(tmpdir(), "internode-registry-"));
    buildah = new Buildah(folder);
    const root = join(folder, "root");
    await mkdir(root);
    await writeFile(join(root, "internode"), "a program");
    await buildah.importRoot(root, { name, environment: ["PATH=/"] });
    registry = await startRegistry();
  });
  afterAll(async () => {
    await registry?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  test("has the image, whole, under the name that the install is told", async () => {
    const destination = parseDestination(`${registry.host}/team/internode`);
    const flags = await deliver(destination, { name, stored: name, version: "1.2.3", archive: "" }, buildah);
    expect(flags).toBe(` --set image.repository=${registry.host}/team/internode`);

    const { body } = registry.manifests.get("team/internode:1.2.3")!;
    const { config, layers } = JSON.parse(body) as { config: { digest: string }; layers: { digest: string }[] };
    expect(layers.length).toBeGreaterThan(0);
    expect([config, ...layers].filter(({ digest }) => !registry.blobs.has(digest))).toEqual([]);
    expect(JSON.parse(registry.blobs.get(config.digest)!.toString())).toMatchObject({ config: { Env: ["PATH=/"] } });
  });

  test("is not needed for Docker, which reads the other kind of archive under the name that it is given", async () => {
    const file = join(folder, "docker.tar");
    const as = "docker.io/library/internode:4.5.6";
    await buildah.export(name, { file, as, format: "docker-archive" });
    const manifest = JSON.parse(await run("tar", ["-xOf", file, "manifest.json"])) as object;
    // Beside the one in the store.
    expect(manifest).toMatchObject([{ RepoTags: expect.arrayContaining([as]) as unknown }]);
  });
});
