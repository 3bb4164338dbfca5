// buildah with an image store of our own, so that the machine's stays as it was. No daemon, no user namespace.
import { join } from "node:path";
import { OWN_ARCHITECTURE, type Architecture } from "./architecture.ts";
import { run } from "./command.ts";

export interface ImageBuild {
  readonly architecture: Architecture;
  readonly context: string;
  readonly name: string;
  readonly arguments: Readonly<Record<string, string>>;
  /** Seconds since 1970 that every file and the image itself are dated with: the same input gives the same digest. */
  readonly timestampS: number;
}

export interface Import {
  /** This machine's when absent. */
  readonly architecture?: Architecture;
  readonly name: string;
  /** `NAME=value` */
  readonly environment: readonly string[];
}

export interface Export {
  readonly file: string;
  /** What the archive calls it. */
  readonly as: string;
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

  async importRoot(root: string, { name, architecture = OWN_ARCHITECTURE, environment }: Import): Promise<void> {
    const container = (await this.#run(["from", "--arch", architecture, "scratch"])).trim();
    try {
      await this.#run(["add", "--quiet", container, root, "/"]);
      await this.#run(["config", ...environment.flatMap((pair) => ["--env", pair]), container]);
      await this.#run(["commit", "--quiet", container, name]);
    } finally {
      await this.#run(["rm", container]);
    }
  }

  async build({ architecture, context, name, arguments: values, timestampS }: ImageBuild): Promise<void> {
    const pairs = Object.entries(values).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]);
    const platform = ["--platform", `linux/${architecture}`];
    const how = ["--isolation", "chroot", "--format", "oci", "--pull-never", "--timestamp", String(timestampS)];
    // The registry's certificate may be signed by an authority that only this machine knows.
    const trust = ["--volume", "/etc/ssl/certs:/etc/ssl/certs:ro"];
    await this.#run(["build", ...platform, ...how, ...trust, ...pairs, "--tag", name, context]);
  }

  async export(name: string, { file, as, format = "oci-archive" }: Export): Promise<void> {
    await this.#run(["push", "--quiet", name, `${format}:${file}:${as}`]);
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
