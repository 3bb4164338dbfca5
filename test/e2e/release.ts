// One release of the chart on a cluster, as its user handles it: helm from outside, the agents by what they export.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../cluster/command.ts";
import { parseExposition, type Sample } from "../support/exposition-parser.ts";
import type { Helm, Target } from "./target.ts";

const CHART = new URL("../../chart", import.meta.url).pathname;
const METRICS_PORT = 9843;

export interface Agent {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly address: string;
}

export type PodSecurityLevel = "restricted" | "baseline" | "privileged";

export interface ReleasePlan {
  readonly helm: Helm;
  readonly namespace: string;
  /** Enforced on the namespace. */
  readonly level?: PodSecurityLevel;
  readonly name?: string;
}

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
    readonly spec: { readonly nodeName?: string };
    readonly status: { readonly podIP?: string };
  }[];
}

interface ObjectList {
  readonly items: readonly { readonly kind: string; readonly metadata: { readonly name: string; readonly namespace?: string; readonly annotations?: Readonly<Record<string, string>> } }[];
}

export class Release {
  readonly namespace: string;
  readonly name: string;
  readonly #target: Target;
  readonly #helm: Helm;

  private constructor(target: Target, { helm, namespace, name = "internode" }: ReleasePlan) {
    this.#target = target;
    this.#helm = helm;
    this.namespace = namespace;
    this.name = name;
  }

  /** A namespace with its level enforced, and nothing installed yet. */
  static async prepare(target: Target, plan: ReleasePlan): Promise<Release> {
    const { namespace, level = "restricted" } = plan;
    const labels = { "pod-security.kubernetes.io/enforce": level };
    const manifest = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels } };
    await target.kubectl(["apply", "-f", "-"], { input: JSON.stringify(manifest) });
    return new Release(target, plan);
  }

  /** With defaults, unless values are given, and with an agent ready on every node. */
  static async install(target: Target, plan: ReleasePlan, values: object = {}): Promise<Release> {
    const release = await Release.prepare(target, plan);
    await release.install(values);
    await release.rolledOut();
    return release;
  }

  /** What helm printed. */
  install(values: object = {}): Promise<string> {
    return this.#withValues(values, (flags) => this.#run(["install", this.name, CHART, ...this.#target.imageValues, ...flags]));
  }

  upgrade(flags: readonly string[]): Promise<string> {
    return this.#run(["upgrade", this.name, CHART, "--reset-then-reuse-values", ...flags]);
  }

  upgradeTo(values: object): Promise<string> {
    return this.#withValues(values, (flags) => this.upgrade(flags));
  }

  /** Output of `helm test`, and of its pod where helm reads that before it removes the pod: Helm 3 does not. */
  test(): Promise<string> {
    return this.#run(["test", this.name, ...(this.#helm.logsTests ? ["--logs"] : [])], 360_000);
  }

  uninstall(): Promise<string> {
    return this.#run(["uninstall", this.name, "--wait"], 180_000);
  }

  /** Until every pod is of the newest template and ready. */
  async rolledOut(timeoutMs = 180_000): Promise<void> {
    await this.kubectl(["rollout", "status", `daemonset/${this.name}`, `--timeout=${timeoutMs / 1000}s`], timeoutMs + 10_000);
  }

  kubectl(args: readonly string[], timeoutMs = 120_000): Promise<string> {
    return this.#target.kubectl(["--namespace", this.namespace, ...args], { timeoutMs });
  }

  /** Those that have an address and are not being deleted, by node. */
  async agents(): Promise<readonly Agent[]> {
    const selector = `app.kubernetes.io/instance=${this.name},app.kubernetes.io/component=agent`;
    const { items } = await this.#target.get<PodList>(["pods", "--namespace", this.namespace, "--selector", selector]);
    return items
      .flatMap(({ metadata: { name, deletionTimestamp }, spec: { nodeName: node }, status: { podIP: address } }) =>
        deletionTimestamp === undefined && node !== undefined && address !== undefined ? [{ namespace: this.namespace, name, node, address }] : [],
      )
      .sort((a, b) => a.node.localeCompare(b.node));
  }

  /** One scrape of one agent. */
  async scrape(agent: Agent): Promise<readonly Sample[]> {
    return parseExposition(await this.#target.fetch(agent, { port: METRICS_PORT, path: "/metrics" })).samples;
  }

  /** One scrape of each. */
  async scrapeAll(agents?: readonly Agent[]): Promise<readonly Sample[]> {
    return (await Promise.all((agents ?? (await this.agents())).map((agent) => this.scrape(agent)))).flat();
  }

  /** Every object of this release, and whatever else is in its namespace but for what Kubernetes itself puts there. */
  async leftovers(): Promise<readonly string[]> {
    const kinds = (await this.#target.kubectl(["api-resources", "--verbs=list,delete", "--output=name"])).trim().split("\n");
    const asked = kinds.filter((kind) => !/^(events(\..*)?|leases\..*)$/.test(kind));
    const labelled = await this.#target.get<ObjectList>([asked.join(), "--all-namespaces", `--selector=app.kubernetes.io/instance=${this.name}`]);
    const around = await this.#target.get<ObjectList>(["all,configmaps,secrets,serviceaccounts,roles,rolebindings,networkpolicies,endpointslices", "--namespace", this.namespace]);
    const names = [...labelled.items, ...around.items]
      .filter(({ metadata: { namespace, annotations } }) => (namespace ?? annotations?.["meta.helm.sh/release-namespace"]) === this.namespace)
      .map(({ kind, metadata }) => `${kind} ${metadata.name}`)
      .filter((name) => name !== "ConfigMap kube-root-ca.crt" && name !== "ServiceAccount default");
    return [...new Set(names)].sort();
  }

  #run(args: readonly string[], timeoutMs = 120_000): Promise<string> {
    return run(this.#helm.path, ["--namespace", this.namespace, ...args], { timeoutMs, env: { KUBECONFIG: this.#target.kubeconfig } });
  }

  async #withValues<T>(values: object, use: (flags: readonly string[]) => Promise<T>): Promise<T> {
    if (Object.keys(values).length === 0) return use([]);
    const folder = await mkdtemp(join(tmpdir(), "internode-e2e-values-"));
    try {
      const file = join(folder, "values.json");
      await writeFile(file, JSON.stringify(values));
      return await use(["--values", file]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}
