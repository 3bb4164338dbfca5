// buildah with an image store of our own, so that the machine's stays as it was. No daemon, no user namespace.
import { join } from "node:path";
import { run } from "./command.ts";

export interface ImageBuild {
  readonly context: string;
  readonly name: string;
  readonly arguments: Readonly<Record<string, string>>;
  /** Seconds since 1970 that every file and the image itself are dated with: the same input gives the same digest. */
  readonly timestampS: number;
}

export interface Import {
  readonly name: string;
  /** `NAME=value` */
  readonly environment: readonly string[];
}

export interface Export {
  readonly file: string;
  readonly format?: "oci-archive" | "docker-archive";
}

export class Buildah {
  readonly #store: readonly string[];

  constructor(folder: string) {
    this.#store = ["--root", join(folder, "storage"), "--runroot", join(folder, "run"), "--storage-driver", "overlay"];
  }

  async has(name: string): Promise<boolean> {
    const list = JSON.parse((await this.#run(["images", "--json"])) || "[]") as
      readonly { readonly names?: readonly string[] }[] | null;
    return (list ?? []).some(({ names }) => names?.includes(name));
  }

  async importRoot(root: string, { name, environment }: Import): Promise<void> {
    const container = (await this.#run(["from", "scratch"])).trim();
    try {
      await this.#run(["add", "--quiet", container, root, "/"]);
      await this.#run(["config", ...environment.flatMap((pair) => ["--env", pair]), container]);
      await this.#run(["commit", "--quiet", container, name]);
    } finally {
      await this.#run(["rm", container]);
    }
  }

  async build({ context, name, arguments: values, timestampS }: ImageBuild): Promise<void> {
    const pairs = Object.entries(values).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]);
    const how = ["--isolation", "chroot", "--format", "oci", "--pull-never", "--timestamp", String(timestampS)];
    // The registry's certificate may be signed by an authority that only this machine knows.
    const trust = ["--volume", "/etc/ssl/certs:/etc/ssl/certs:ro"];
    await this.#run(["build", ...how, ...trust, ...pairs, "--tag", name, context]);
  }

  async export(name: string, { file, format = "oci-archive" }: Export): Promise<void> {
    await this.#run(["push", "--quiet", name, `${format}:${file}:${name}`]);
  }

  /** To a registry, with the login of buildah, podman or Docker. `isPlain`: without TLS where it has none. */
  async push(name: string, target: string, { isPlain }: { readonly isPlain: boolean }): Promise<void> {
    await this.#run(["push", "--quiet", ...(isPlain ? ["--tls-verify=false"] : []), name, `docker://${target}`]);
  }

  #run(args: readonly string[]): Promise<string> {
    const [command, ...rest] = args;
    return run("buildah", [...this.#store, command!, ...rest]);
  }
}
