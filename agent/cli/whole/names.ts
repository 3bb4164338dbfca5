// The names of everything that a report has read: what a redacted one must not show.
import type { V1ObjectMeta } from "@kubernetes/client-node";
import type { Kind, Objects, PodPort, Reading, Where } from "../cluster/objects.ts";

/** Kinds whose objects are somebody's software, called alike in every cluster. Pods are not: some carry their node's name. */
const SOFTWARE: readonly string[] = ["namespaces", "configmaps", "daemonsets", "services"];

/** Every cluster has them, and our own name is in every sentence. */
const isUsual = (name: string, plural: string): boolean =>
  name === "" ||
  name === "default" ||
  name === "internode" ||
  name === "kubernetes" ||
  (SOFTWARE.includes(plural) && name.startsWith("kube-"));

/** Objects as they are; whose names were read is noted. */
export class NotedObjects implements Objects {
  /** What each is, by the name: "pod", "ippool". */
  readonly names = new Map<string, string>();
  readonly #objects: Objects;

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  async list<T>(kind: Kind, where?: Where): Promise<Reading<readonly T[]>> {
    const reading = await this.#objects.list<T>(kind, where);
    if (reading.kind === "read") for (const one of reading.value) this.#note(one, kind);
    return reading;
  }

  async get<T>(kind: Kind, name: string, where?: Where): Promise<Reading<T>> {
    const reading = await this.#objects.get<T>(kind, name, where);
    if (reading.kind === "read") this.#note(reading.value, kind);
    return reading;
  }

  fromPod(pod: PodPort, path: string): Promise<Reading<string>> {
    return this.#objects.fromPod(pod, path);
  }

  #note(one: unknown, { plural }: Kind): void {
    const { name, namespace } = (one as { readonly metadata?: V1ObjectMeta } | null)?.metadata ?? {};
    for (const [word, kind] of [
      [namespace, "namespaces"],
      [name, plural],
    ] as const)
      if (typeof word === "string" && !isUsual(word, kind)) this.names.set(word, singular(kind));
  }
}

const singular = (plural: string): string =>
  plural.endsWith("ies") ? `${plural.slice(0, -3)}y` : plural.replace(/(?:(?<=us)es|s)$/, "");
