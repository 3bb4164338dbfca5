// The real Prometheus Operator beside a cluster, and a real Prometheus on the very configuration that it generates. Both
// run as processes in the control plane's machine: no image of theirs can be pulled. What their pods would do is done
// here, and no more: the files of the operator's Secret and ConfigMaps are laid out, and what each pod is told by its
// environment is filled in (POD_NAME, SHARD).
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { ensureTools } from "../../scripts/tools/cache.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { Component } from "../cluster/component.ts";
import { apiServerAddress } from "../cluster/control-plane.ts";
import { until } from "../cluster/until.ts";
import { getProgram } from "../support/get-program.ts";
import { applyDefinitions } from "./definitions.ts";
import { PrometheusApi } from "../support/prometheus-api.ts";

const NAMESPACE = "prometheus";
const NAME = "kps";
const PORT = 9090;
/** Of the one without operator. */
const PLAIN_PORT = 9091;
/** Where the operator's configuration expects rules. */
const IN_THE_POD = "/etc/prometheus";

export class OperatorStack {
  readonly #cluster: Cluster;
  readonly #folder: string;
  readonly #programs: Readonly<Record<string, string>>;
  /** Once it has been started. */
  readonly prometheus: PrometheusApi;

  private constructor(cluster: Cluster, programs: Readonly<Record<string, string>>) {
    this.#cluster = cluster;
    this.#folder = join(cluster.folder, "prometheus");
    this.#programs = programs;
    this.prometheus = this.#apiAt(PORT);
  }

  /** Kinds, operator, and a Prometheus resource that selects as kube-prometheus-stack does: by `release: kps` alone. */
  static async start(cluster: Cluster): Promise<OperatorStack> {
    const stack = new OperatorStack(cluster, await ensureTools(["prometheus-operator", "prometheus"]));
    await mkdir(stack.#folder, { recursive: true });
    await applyDefinitions(cluster, ["prometheus-operator"]);
    const { kubeconfig } = cluster;
    await new Component(cluster.controlPlaneMachine, "prometheus-operator").start({
      place: "outside",
      argv: [stack.#programs["prometheus-operator"]!, "--web.listen-address=127.0.0.1:0"],
      env: { KUBECONFIG: kubeconfig },
    });
    await cluster.apply(...accessManifests());
    await stack.#prometheusResource();
    return stack;
  }

  /** Lays out what the operator generated last, and returns Prometheus' configuration. */
  async #layConfiguration(): Promise<string> {
    const secret = JSON.parse(await this.#kubectl("get", "secret", `prometheus-${NAME}`, "--output=json")) as {
      data: Record<string, string>;
    };
    const generated = gunzipSync(Buffer.from(secret.data["prometheus.yaml.gz"]!, "base64")).toString();
    const config = generated
      .replaceAll(IN_THE_POD, this.#folder)
      .replaceAll("$(POD_NAME)", `prometheus-${NAME}-0`)
      .replaceAll("$(SHARD)", "0");
    await writeFile(join(this.#folder, "prometheus.yml"), config);
    const maps = JSON.parse(
      await this.#kubectl("get", "configmaps", "--selector", `prometheus-name=${NAME}`, "--output=json"),
    ) as { items: { metadata: { name: string }; data?: Record<string, string> }[] };
    await rm(join(this.#folder, "rules"), { recursive: true, force: true });
    for (const { metadata, data = {} } of maps.items) {
      const folder = join(this.#folder, "rules", metadata.name);
      await mkdir(folder, { recursive: true });
      for (const [file, text] of Object.entries(data)) await writeFile(join(folder, file), text);
    }
    return config;
  }

  /** Waits until the operator has taken up a PodMonitor and rules of the namespace, and starts Prometheus on them. */
  async startPrometheus(namespace: string): Promise<void> {
    await until(
      "the operator to take the PodMonitor and the rules up",
      async () => {
        const config = await this.#layConfiguration();
        const rules = await readdir(join(this.#folder, "rules"), { recursive: true });
        return (
          config.includes(`job_name: podMonitor/${namespace}/`) && rules.some((file) => file.includes(`${namespace}-`))
        );
      },
      { timeoutMs: 90_000, intervalMs: 1_000 },
    );
    const prometheus = new Component(this.#cluster.controlPlaneMachine, "prometheus");
    await prometheus.start({
      argv: [
        this.#programs["prometheus"]!,
        `--config.file=${this.#folder}/prometheus.yml`,
        `--storage.tsdb.path=${this.#folder}/data`,
        `--web.listen-address=127.0.0.1:${PORT}`,
      ],
    });
    await until(`Prometheus to be ready (see ${prometheus.logFile})`, () => this.prometheus.ready().then(() => true));
  }

  /** The configuration once the operator has taken up a PodMonitor that was made just now: what was there before it is in it. */
  async configuration(): Promise<string> {
    const name = `marker-${Date.now()}`;
    const spec = { selector: {}, podMetricsEndpoints: [{ port: "none" }] };
    await this.#cluster.apply({
      apiVersion: "monitoring.coreos.com/v1",
      kind: "PodMonitor",
      metadata: { name, namespace: NAMESPACE, labels: { release: NAME } },
      spec,
    });
    const config = await until(
      "the operator to take up a PodMonitor",
      async () => {
        const now = await this.#layConfiguration();
        return now.includes(`job_name: podMonitor/${NAMESPACE}/${name}/`) && now;
      },
      { timeoutMs: 90_000, intervalMs: 1_000 },
    );
    await this.#kubectl("delete", "podmonitor", name);
    return config;
  }

  /** A Prometheus without operator, on a scrape job as a person writes it; the pods that it scrapes, by instance. */
  async scrapedBy(
    job: Record<string, unknown> & { readonly kubernetes_sd_configs: readonly object[] },
  ): Promise<readonly string[]> {
    const folder = join(this.#folder, "plain");
    await mkdir(folder, { recursive: true });
    // What it would have by itself in a pod.
    const discovery = job.kubernetes_sd_configs.map((config) => ({ ...config, ...this.#access() }));
    await writeFile(
      join(folder, "prometheus.yml"),
      JSON.stringify({ scrape_configs: [{ ...job, kubernetes_sd_configs: discovery }] }),
    );
    const prometheus = new Component(this.#cluster.controlPlaneMachine, "prometheus-plain");
    await prometheus.start({
      argv: [
        this.#programs["prometheus"]!,
        `--config.file=${folder}/prometheus.yml`,
        `--storage.tsdb.path=${folder}/data`,
        `--web.listen-address=127.0.0.1:${PLAIN_PORT}`,
      ],
    });
    const api = this.#apiAt(PLAIN_PORT);
    try {
      return await until(
        `a Prometheus without operator to scrape (see ${prometheus.logFile})`,
        async () => {
          const scraped = await api.query("count by (instance) (internode_probes_total and on (instance) up == 1)");
          return (
            scraped.length === this.#cluster.nodes.length && scraped.map(({ labels }) => labels["instance"]!).sort()
          );
        },
        { timeoutMs: 90_000, intervalMs: 1_000 },
      );
    } finally {
      await prometheus.stop();
    }
  }

  #apiAt(port: number): PrometheusApi {
    return new PrometheusApi((path) =>
      this.#cluster.controlPlaneMachine.run(getProgram(`http://127.0.0.1:${port}${path}`)),
    );
  }

  get #token(): string {
    return join(this.#folder, "token");
  }

  get #authority(): string {
    return join(this.#cluster.folder, "pki/ca.crt");
  }

  get #apiServer(): string {
    return apiServerAddress(this.#cluster.plan);
  }

  #access(): object {
    return {
      api_server: this.#apiServer,
      authorization: { credentials_file: this.#token },
      tls_config: { ca_file: this.#authority },
    };
  }

  #kubectl(...args: readonly string[]): Promise<string> {
    return this.#cluster.kubectl(["--namespace", NAMESPACE, ...args]);
  }

  async #prometheusResource(): Promise<void> {
    await writeFile(this.#token, (await this.#kubectl("create", "token", NAME, "--duration=24h")).trim(), {
      mode: 0o600,
    });
    const selected = { matchLabels: { release: NAME } };
    await this.#cluster.apply({
      apiVersion: "monitoring.coreos.com/v1",
      kind: "Prometheus",
      metadata: { name: NAME, namespace: NAMESPACE },
      spec: {
        serviceAccountName: NAME,
        apiserverConfig: {
          host: this.#apiServer,
          authorization: { credentialsFile: this.#token },
          tlsConfig: { caFile: this.#authority },
        },
        podMonitorSelector: selected,
        podMonitorNamespaceSelector: {},
        ruleSelector: selected,
        ruleNamespaceSelector: {},
      },
    });
  }
}

function accessManifests(): readonly object[] {
  const subject = { kind: "ServiceAccount", name: NAME, namespace: NAMESPACE };
  const rules = [
    { apiGroups: [""], resources: ["pods", "services", "endpoints", "nodes"], verbs: ["get", "list", "watch"] },
  ];
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: NAME, namespace: NAMESPACE } },
    { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: "prometheus" }, rules },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "prometheus" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "prometheus" },
      subjects: [subject],
    },
  ];
}
