// Where an image that was built here goes: into the nodes of a local cluster, or to a registry.
import { rm } from "node:fs/promises";
import type { Buildah } from "./buildah.ts";
import { run } from "./command.ts";

export type Destination =
  | { readonly kind: "kind" | "minikube"; /** The tool's own default when absent. */ readonly cluster?: string }
  | { readonly kind: "k3s" }
  | { readonly kind: "registry"; readonly host: string; readonly repository: string; readonly tag?: string };

export const DESTINATIONS =
  "kind, kind:CLUSTER, k3s, minikube, minikube:PROFILE, or a repository such as registry.example/team/internode";

const CLUSTER = /^(kind|minikube)(?::([a-zA-Z0-9][a-zA-Z0-9_.-]*))?$/;
/** The first part is a host, as Docker tells one: it has a dot or a port, or is localhost. */
const REGISTRY =
  /^((?:[a-zA-Z0-9-]+\.)+[a-zA-Z0-9-]+(?::\d+)?|[a-zA-Z0-9-]+:\d+|localhost)\/([a-z0-9._/-]+)(?::([\w.-]+))?$/;

export function parseDestination(text: string): Destination {
  if (text === "k3s") return { kind: "k3s" };
  const [, kind, cluster] = CLUSTER.exec(text) ?? [];
  if (kind !== undefined) return { kind: kind as "kind" | "minikube", ...(cluster !== undefined && { cluster }) };
  const [, host, repository, tag] = REGISTRY.exec(text) ?? [];
  if (host === undefined) throw new Error(`--to takes ${DESTINATIONS}; not '${text}'`);
  return { kind: "registry", host, repository: repository!, ...(tag !== undefined && { tag }) };
}

export interface Delivery {
  /** Name in the store. */
  /** Where it is used. */
  readonly name: string;
  /** In buildah's store. */
  readonly stored: string;
  readonly version: string;
  /** OCI archive of it. */
  readonly archive: string;
}

/** Flags for `helm install` that the image there needs. */
export async function deliver(destination: Destination, image: Delivery, buildah: Buildah): Promise<string> {
  switch (destination.kind) {
    case "kind": {
      const { cluster } = destination;
      await tool("kind", [
        "load",
        "image-archive",
        image.archive,
        ...(cluster === undefined ? [] : ["--name", cluster]),
      ]);
      return "";
    }
    case "k3s":
      await tool("k3s", ["ctr", "images", "import", image.archive]);
      return "";
    case "minikube": {
      // Docker, which minikube runs by default, loads no OCI archives of others.
      const archive = `${image.archive}.docker`;
      await rm(archive, { force: true });
      try {
        await buildah.export(image.stored, { file: archive, as: image.name, format: "docker-archive" });
        const profile = destination.cluster === undefined ? [] : ["--profile", destination.cluster];
        await tool("minikube", ["image", "load", archive, ...profile]);
      } finally {
        await rm(archive, { force: true });
      }
      return "";
    }
    case "registry": {
      const { host, repository, tag = image.version } = destination;
      // As Docker has it: a registry of this machine's own needs no certificate.
      await buildah.push(image.stored, `${host}/${repository}:${tag}`, { isPlain: /^(localhost|127\.)/.test(host) });
      return ` --set image.repository=${host}/${repository}${tag === image.version ? "" : ` --set-string image.tag=${tag}`}`;
    }
  }
}

async function tool(program: string, args: readonly string[]): Promise<void> {
  try {
    await run(program, args);
  } catch (error) {
    if ((error as { readonly cause?: NodeJS.ErrnoException }).cause?.code !== "ENOENT") throw error;
    throw new Error(`there is no '${program}' on the PATH: install it, or load the archive where it is`, {
      cause: error,
    });
  }
}
