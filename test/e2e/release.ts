// One release of the chart on a cluster, as its user handles it: helm from outside, the agents by what they export.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../cluster/command.ts";
import { parseExposition, type Sample } from "../support/exposition-parser.ts";
import type { Helm, Target } from "./target.ts";

const CHART = fileURLToPath(new URL("../../chart", import.meta.url));
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
  readonly items: readonly {
    readonly kind: string;
    readonly metadata: {
      readonly name: string;
      readonly namespace?: string;
      readonly annotations?: Readonly<Record<string, string>>;
    };
  }[];
}

/** What in the environment would lead helm, and not kubectl, to another cluster than the kubeconfig. */
const NO_OTHER_CLUSTER = Object.fromEntries(
  ["CONTEXT", "APISERVER", "TOKEN", "CAFILE", "ASUSER", "ASGROUPS"].map((name) => [`HELM_KUBE${name}`, ""]),
);

export class Release {
  readonly namespace: string;
  readonly name: string;
  readonly #target: Target;
  readonly #helm: Helm;
  #native: readonly string[] = [];

  private constructor(target: Target, { helm, namespace, name = "internode" }: ReleasePlan) {
    this.#target = target;
    this.#helm = helm;
    this.namespace = namespace;
    this.name = name;
  }

  /** A new namespace with its level enforced, and nothing installed yet. One that is there is somebody's, and an error. */
  static async prepare(target: Target, plan: ReleasePlan): Promise<Release> {
    const { namespace, level = "restricted" } = plan;
    const labels = { "pod-security.kubernetes.io/enforce": level };
    await target.kubectl(["create", "-f", "-"], {
      input: JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels } }),
    });
    const release = new Release(target, plan);
    // What Kubernetes and platforms put into every namespace.
    await target.kubectl(["wait", "--for=create", "serviceaccount/default", "--namespace", namespace, "--timeout=60s"]);
    release.#native = await release.#objects();
    return release;
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
    return this.#withValues(values, (flags) =>
      this.#run(["install", this.name, CHART, ...this.#target.imageValues, ...flags]),
    );
  }

  upgrade(flags: readonly string[]): Promise<string> {
    return this.#run(["upgrade", this.name, CHART, "--reset-then-reuse-values", ...flags]);
  }

  upgradeTo(values: object): Promise<string> {
    return this.#withValues(values, (flags) => this.upgrade(flags));
  }

  /** With these values and the chart's own, whatever was given before. */
  replaceBy(values: object): Promise<string> {
    return this.#withValues(values, (flags) => this.#run(["upgrade", this.name, CHART, "--reset-values", ...flags]));
  }

  /** Output of `helm test`, and of its pod where helm reads that before it removes the pod: Helm 3 does not. */
  test(): Promise<string> {
    return this.#run(["test", this.name, ...(this.#helm.logsTests ? ["--logs"] : [])], 360_000);
  }

  uninstall(): Promise<string> {
    return this.#run(["uninstall", this.name, "--wait"], 180_000);
  }

  /** What `prepare` and `install` made, whatever has become of it. */
  async remove(): Promise<void> {
    await this.uninstall().catch(() => ""); // perhaps it never came to be installed
    await this.kubectl(["delete", "namespace", this.namespace, "--ignore-not-found"], 300_000);
  }

  /** Nodes that Kubernetes wants an agent on. */
  async wantedNodes(): Promise<number> {
    return Number(
      await this.kubectl(["get", "daemonset", this.name, "--output=jsonpath={.status.desiredNumberScheduled}"]),
    );
  }

  /** Agents that one step of a rollout replaces. */
  async replacedAtOnce(): Promise<number> {
    const path = "--output=jsonpath={.spec.updateStrategy.rollingUpdate.maxUnavailable}";
    const limit = await this.kubectl(["get", "daemonset", this.name, path]);
    return limit.endsWith("%") ? Math.ceil((parseInt(limit) * (await this.wantedNodes())) / 100) : Number(limit);
  }

  /** Until every pod is of the newest template and ready. */
  async rolledOut(): Promise<void> {
    // One after the other: drained, started, ready for as long as minReadySeconds.
    const timeoutMs = 120_000 + 30_000 * (await this.wantedNodes());
    await this.kubectl(
      ["rollout", "status", `daemonset/${this.name}`, `--timeout=${timeoutMs / 1000}s`],
      timeoutMs + 10_000,
    );
  }

  kubectl(args: readonly string[], timeoutMs = 120_000): Promise<string> {
    return this.#target.kubectl(["--namespace", this.namespace, ...args], { timeoutMs });
  }

  /** What the program prints that is run in the pod of an agent, of whichever. Rejects unless it ends with 0. */
  internode(...args: readonly string[]): Promise<string> {
    return this.kubectl(["exec", `daemonset/${this.name}`, "--", "internode", ...args]);
  }

  /** Those that have an address and are not being deleted, by node. */
  async agents(): Promise<readonly Agent[]> {
    const selector = `app.kubernetes.io/instance=${this.name},app.kubernetes.io/component=agent`;
    const { items } = await this.#target.get<PodList>(["pods", "--namespace", this.namespace, "--selector", selector]);
    return items
      .flatMap(({ metadata: { name, deletionTimestamp }, spec: { nodeName: node }, status: { podIP: address } }) =>
        deletionTimestamp === undefined && node !== undefined && address !== undefined
          ? [{ namespace: this.namespace, name, node, address }]
          : [],
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

  /** Objects of the cluster that are this release's, and whatever is in its namespace but was not there before it. */
  async leftovers(): Promise<readonly string[]> {
    return (await this.#objects()).filter((name) => !this.#native.includes(name));
  }

  async #objects(): Promise<readonly string[]> {
    const kinds = (
      await this.#target.kubectl(["api-resources", "--namespaced", "--verbs=list,delete", "--output=name"])
    )
      .trim()
      .split("\n");
    // Events tell of the past, and leases end by themselves.
    const asked = kinds.filter((kind) => !/^(events(\..*)?|leases\..*|.*\.metrics\.k8s\.io)$/.test(kind));
    const inNamespace = await this.#target.get<ObjectList>([asked.join(), "--namespace", this.namespace]);
    const inCluster = await this.#target.get<ObjectList>(["priorityclasses,clusterroles,clusterrolebindings"]);
    const ours = inCluster.items.filter(
      ({ metadata }) =>
        metadata.annotations?.["meta.helm.sh/release-name"] === this.name &&
        metadata.annotations["meta.helm.sh/release-namespace"] === this.namespace,
    );
    return [...new Set([...inNamespace.items, ...ours].map(({ kind, metadata }) => `${kind} ${metadata.name}`))].sort();
  }

  #run(args: readonly string[], timeoutMs = 120_000): Promise<string> {
    return run(this.#helm.path, ["--namespace", this.namespace, ...args], {
      timeoutMs,
      env: { ...NO_OTHER_CLUSTER, KUBECONFIG: this.#target.kubeconfig },
    });
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
