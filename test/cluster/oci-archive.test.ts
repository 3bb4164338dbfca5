import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeProgramImage } from "./oci-archive.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "internode-oci-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const IMAGE = {
  reference: "internode.test/thing:1",
  program: { name: "thing", content: Buffer.from("#!thing\n") },
  user: "65532:65532",
};

test("every blob of an archive lies under its own digest, and the index names the image in full", async () => {
  const file = join(folder, "image.tar");
  await writeProgramImage(file, IMAGE);
  execFileSync("tar", ["-xf", file, "-C", folder]);
  const read = (path: string): unknown => JSON.parse(readFileSync(join(folder, path), "utf8"));
  const blob = (digest: string): string => `blobs/sha256/${digest.slice(7)}`;
  const {
    manifests: [entry],
  } = read("index.json") as { manifests: { digest: string; annotations: Record<string, string> }[] };
  expect(entry!.annotations["org.opencontainers.image.ref.name"]).toBe(IMAGE.reference);
  const manifest = read(blob(entry!.digest)) as { config: { digest: string }; layers: { digest: string }[] };
  for (const digest of [entry!.digest, manifest.config.digest, manifest.layers[0]!.digest]) {
    expect(
      createHash("sha256")
        .update(readFileSync(join(folder, blob(digest))))
        .digest("hex"),
    ).toBe(digest.slice(7));
  }
  const config = read(blob(manifest.config.digest));
  expect(config).toMatchObject({
    config: { User: "65532:65532", Entrypoint: ["/thing"] },
    rootfs: { diff_ids: [manifest.layers[0]!.digest] },
  });

  execFileSync("tar", ["-xf", join(folder, blob(manifest.layers[0]!.digest)), "-C", folder]);
  expect(readFileSync(join(folder, "thing"), "utf8")).toBe("#!thing\n");
  expect(statSync(join(folder, "thing")).mode & 0o777).toBe(0o755);
});

test("the same program gives the same bytes", async () => {
  await writeProgramImage(join(folder, "a.tar"), IMAGE);
  await writeProgramImage(join(folder, "b.tar"), IMAGE);
  expect(readFileSync(join(folder, "a.tar")).equals(readFileSync(join(folder, "b.tar")))).toBe(true);
});
