// The cluster that a suite installs into: one of our own, which it may break, or one that somebody named.
import { inject } from "vitest";
import { ensureTools } from "../../scripts/tools/cache.ts";
import { createCluster, type Cluster } from "../cluster/cluster.ts";
import { run, type CommandOptions } from "../cluster/command.ts";
import { isIPv6, type ClusterOptions } from "../cluster/plan.ts";
import { getProgram } from "../support/get-program.ts";
import { IMAGE, WHY_NOT_FOREIGN } from "./arguments.ts";
import type { Agent } from "./release.ts";

/** What setup.ts hands to the suites. */
export type Provided =
  | { readonly kind: "own"; /** OCI archive. */ readonly image: string }
  | {
      readonly kind: "foreign";
      readonly kubeconfig: string;
      /** As IMAGE; the chart's own when absent. */ readonly image: string | undefined;
    };

export interface Helm {
  readonly name: string;
  readonly path: string;
  /** Whether `helm test --logs` can show the pod of a test that passed. */
  readonly logsTests: boolean;
}

/** What our clusters are called, before the number of the process that made one: files run side by side. */
export const CLUSTER_PREFIX = "e2e";

/** True on a cluster of somebody's, where no cable is pulled and no server stopped. */
export const IS_FOREIGN = process.env["INTERNODE_E2E_KUBECONFIG"] !== undefined;

/** A figure for whoever reads the run. */
export function report(line: string): void {
  process.stdout.write(`e2e: ${line}\n`);
}

export class Target implements AsyncDisposable {
  readonly kubeconfig: string;
  /** Values without which the image would not be found. */
  readonly imageValues: readonly string[];
  readonly #own: Cluster | undefined;

  private constructor(provided: Provided, own: Cluster | undefined) {
    this.kubeconfig = provided.kind === "own" ? own!.kubeconfig : provided.kubeconfig;
    this.imageValues = provided.kind === "own" ? [] : imageFlags(provided.image);
    this.#own = own;
  }

  /** Our own has nodes and zones as asked, and the image on every node; of a foreign one nothing is asked. */
  static async open(options: ClusterOptions = {}): Promise<Target> {
    const provided = inject("e2e");
    if (provided.kind === "foreign") return new Target(provided, undefined);
    const cluster = await createCluster({ name: `${CLUSTER_PREFIX}${process.pid}`, ...options, log: report });
    try {
      await cluster.importImage(provided.image);
    } catch (err) {
      await cluster[Symbol.asyncDispose]();
      throw err;
    }
    return new Target(provided, cluster);
  }

  /** Only for suites that are skipped on foreign clusters. */
  get own(): Cluster {
    if (this.#own === undefined) throw new Error(WHY_NOT_FOREIGN);
    return this.#own;
  }

  /** Into a node that came later. */
  async importImage(node: string): Promise<void> {
    const provided = inject("e2e");
    if (provided.kind === "own") await this.own.node(node).importImage(provided.image);
  }

  kubectl(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    if (this.#own !== undefined) return this.#own.kubectl(args, options);
    return run("kubectl", args, { ...options, env: { KUBECONFIG: this.kubeconfig, ...options.env } });
  }

  async get<T>(args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl(["get", ...args, "--output=json"])) as T;
  }

  /** Body of a GET to an agent: from its own node, whatever has become of the API server; elsewhere through that. */
  async fetch(agent: Agent, { port, path }: { readonly port: number; readonly path: string }): Promise<string> {
    if (this.#own === undefined)
      return this.kubectl([
        "get",
        "--raw",
        `/api/v1/namespaces/${agent.namespace}/pods/${agent.name}:${port}/proxy${path}`,
      ]);
    const host = isIPv6(agent.address) ? `[${agent.address}]` : agent.address;
    return this.#own.node(agent.node).run(getProgram(`http://${host}:${port}${path}`), { timeoutMs: 60_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#own?.[Symbol.asyncDispose]();
  }
}

/** Helm 4 and Helm 3 for our own clusters, built where they are not; `helm` as installed for those of others. */
export async function helms(): Promise<readonly Helm[]> {
  if (IS_FOREIGN) return [{ name: "helm", path: "helm", logsTests: false }];
  const tools = await ensureTools(["helm", "helm3"]);
  return [
    { name: "Helm 4", path: tools["helm"]!, logsTests: true },
    { name: "Helm 3", path: tools["helm3"]!, logsTests: false },
  ];
}

function imageFlags(image: string | undefined): readonly string[] {
  if (image === undefined) return [];
  const [, repository, tag, digest] = IMAGE.exec(image)!;
  return ["--set-string", `image.repository=${repository},image.tag=${tag ?? ""},image.digest=${digest ?? ""}`];
}
