// Renders the chart with real Helm binaries, the current one and Helm 3, and reads what came out.
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { loadAll } from "js-yaml";
import { builtTools } from "../../scripts/tools/cache.ts";
import { refusalOfTest, SKIPPED } from "../support/needs.ts";
import type { Kinds, Manifest } from "./kinds.ts";

const run = promisify(execFile);

export const CHART = fileURLToPath(new URL("../../chart", import.meta.url));
export const CI_VALUES = readdirSync(join(CHART, "ci"))
  .filter((name) => name.endsWith("-values.yaml"))
  .map((name) => join(CHART, "ci", name));

export interface Helm {
  readonly name: string;
  readonly path: string;
}

const wanted = await refusalOfTest("built helm", "built helm3");
/** Empty when they are not built here. */
export const HELMS: readonly Helm[] = helms();
export const WHY_NO_HELM = wanted === undefined ? "" : `${SKIPPED}${wanted}]`;

function helms(): readonly Helm[] {
  const tools = builtTools(["helm", "helm3"]);
  return tools === undefined
    ? []
    : [
        { name: "Helm 4", path: tools["helm"]! },
        { name: "Helm 3", path: tools["helm3"]! },
      ];
}

export interface Rendering {
  readonly values?: unknown;
  readonly valuesFile?: string;
  readonly namespace?: string;
  readonly release?: string;
  readonly apiVersions?: readonly string[];
  readonly chart?: string;
  readonly helm?: Helm;
  /** A cluster that templates may look things up in; without, they find nothing. */
  readonly kubeconfig?: string;
}

const OPERATOR = ["PodMonitor", "ServiceMonitor", "PrometheusRule"].map((kind) => `monitoring.coreos.com/v1/${kind}`);
/** What a cluster with the Prometheus Operator announces. */
export const WITH_OPERATOR: Rendering = { apiVersions: OPERATOR };
export const withOperator = (values?: unknown): Rendering => ({
  ...WITH_OPERATOR,
  ...(values === undefined ? {} : { values }),
});

export async function render(rendering: Rendering = {}): Promise<readonly Manifest[]> {
  return (loadAll(await template(rendering)) as (Manifest | undefined)[]).filter(
    (document) => document !== undefined && document !== null,
  );
}

/** Many tests look at the same rendering. */
const templates = new Map<string, Promise<string>>();

export function template(rendering: Rendering = {}): Promise<string> {
  const key = JSON.stringify(rendering);
  const text =
    templates.get(key) ??
    helm("template", {
      ...rendering,
      flags: (rendering.apiVersions ?? []).flatMap((version) => ["--api-versions", version]),
    });
  templates.set(key, text);
  return text;
}

/** What `helm install` prints below its own lines. */
export async function notes(rendering: Rendering = {}): Promise<string> {
  const text = await helm("install", { ...rendering, flags: ["--dry-run=client"] });
  return text.slice(text.indexOf("\nNOTES:\n") + 8);
}

/** Why Helm refuses these values, or undefined when it does not. */
export async function refusal(rendering: Rendering): Promise<string | undefined> {
  try {
    await template(rendering);
    return undefined;
  } catch (err) {
    return (err as { stderr: string }).stderr;
  }
}

export async function lint(rendering: Rendering): Promise<string> {
  return withValues(
    rendering,
    async (values) => (await run(path(rendering), ["lint", "--strict", CHART, ...values], OPTIONS)).stdout,
  );
}

async function helm(
  command: "template" | "install",
  { flags, ...rendering }: Rendering & { readonly flags: readonly string[] },
): Promise<string> {
  const { release = "internode", namespace = "monitoring", chart = CHART } = rendering;
  const { kubeconfig } = rendering;
  const version =
    command === "template"
      ? [
          "--kube-version",
          "1.37.0",
          ...(kubeconfig === undefined
            ? []
            : ["--dry-run=server", "--disable-openapi-validation", "--kubeconfig", kubeconfig]),
        ]
      : [];
  return withValues(
    rendering,
    async (values) =>
      (
        await run(
          path(rendering),
          [command, release, chart, "--namespace", namespace, ...version, ...flags, ...values],
          OPTIONS,
        )
      ).stdout,
  );
}

/** No cluster of the machine's own must be asked by chance. */
const OPTIONS = {
  maxBuffer: 64 * 1024 * 1024,
  // Collecting garbage is a fifth of its work, and it ends in a blink.
  env: { ...process.env, KUBECONFIG: "/dev/null", GOGC: "800" },
};
const path = ({ helm = HELMS[0] }: Rendering): string => helm!.path;

async function withValues<T>(
  { values, valuesFile }: Rendering,
  use: (flags: readonly string[]) => Promise<T>,
): Promise<T> {
  const files = valuesFile === undefined ? [] : ["--values", valuesFile];
  if (values === undefined) return use(files);
  const folder = await mkdtemp(join(tmpdir(), "internode-chart-"));
  try {
    const file = join(folder, "values.json");
    await writeFile(file, JSON.stringify(values));
    return await use([...files, "--values", file]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The one object of this kind, and name where there are several. */
export function only<K extends string>(
  manifests: readonly Manifest[],
  kind: K,
  name?: string,
): Manifest & (K extends keyof Kinds ? Kinds[K] : unknown) {
  const found = manifests.filter(
    (manifest) => manifest.kind === kind && (name === undefined || manifest.metadata.name === name),
  );
  if (found.length !== 1)
    throw new Error(`${found.length} objects of kind ${kind}${name === undefined ? "" : ` named ${name}`}`);
  return found[0] as Manifest & (K extends keyof Kinds ? Kinds[K] : unknown);
}

/** The Service whose EndpointSlices list the agents. */
export const headlessService = (manifests: readonly Manifest[]): Manifest & Kinds["Service"] =>
  serviceFor(manifests, "agent");
/** The Service that the service path is probed with. */
export const servicePathService = (manifests: readonly Manifest[]): Manifest & Kinds["Service"] =>
  serviceFor(manifests, "service-path");

const serviceFor = (manifests: readonly Manifest[], component: string): Manifest & Kinds["Service"] =>
  only(
    manifests.filter(({ metadata }) => metadata.labels?.["app.kubernetes.io/component"] === component),
    "Service",
  );
