// Packs one static program as an image: an OCI layout in a tar file (OCI image-spec, image-layout.md).
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { tar, type TarEntry } from "./tar.ts";

export interface ProgramImage {
  /** Full reference, so that containerd takes it as it is. */
  readonly reference: string;
  readonly program: { readonly name: string; readonly content: Buffer };
  /** Numeric, "0:0" when absent. */
  readonly user?: string;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

export async function writeProgramImage(
  file: string,
  { reference, program, user = "0:0" }: ProgramImage,
): Promise<void> {
  const path = `/${program.name}`;
  const layer = tar([{ name: program.name, content: program.content, mode: 0o755 }]);
  const blobs = new Map<string, Buffer>();
  const layerDigest = addBlob(blobs, layer);
  const config = json({
    architecture: ARCHITECTURES[process.arch],
    os: "linux",
    config: { Entrypoint: [path], User: user },
    rootfs: { type: "layers", diff_ids: [layerDigest] },
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: descriptor("application/vnd.oci.image.config.v1+json", addBlob(blobs, config), config),
    layers: [descriptor("application/vnd.oci.image.layer.v1.tar", layerDigest, layer)],
  });
  const index = json({
    schemaVersion: 2,
    manifests: [
      {
        ...descriptor("application/vnd.oci.image.manifest.v1+json", addBlob(blobs, manifest), manifest),
        annotations: { "org.opencontainers.image.ref.name": reference },
      },
    ],
  });
  const entries: TarEntry[] = [
    { name: "oci-layout", content: json({ imageLayoutVersion: "1.0.0" }), mode: 0o644 },
    { name: "index.json", content: index, mode: 0o644 },
  ];
  for (const [digest, content] of blobs) {
    entries.push({ name: `blobs/sha256/${digest.slice("sha256:".length)}`, content, mode: 0o644 });
  }
  await writeFile(file, tar(entries));
}

function addBlob(blobs: Map<string, Buffer>, content: Buffer): string {
  const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
  blobs.set(digest, content);
  return digest;
}

function descriptor(mediaType: string, digest: string, content: Buffer): object {
  return { mediaType, digest, size: content.length };
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
