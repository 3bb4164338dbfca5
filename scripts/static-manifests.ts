// `npm run manifests`: the chart as plain files, for clusters that
// are managed without Helm. Each file is for what the cluster has: agents always, the Prometheus Operator, Grafana.
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { readOptions } from "./command-line.ts";
import { ensureTools } from "./tools/cache.ts";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const NAMESPACE = "internode";

interface Part {
  readonly file: string;
  /** Said at the top of the file. */
  readonly about: string;
  readonly values: object;
  /** Which of what Helm renders with these values belongs into the file. */
  readonly holds: (kind: string, name: string) => boolean;
}

const NOTHING_ELSE = {
  askCluster: false,
  tests: { enabled: false },
  dashboards: { enabled: false },
  monitoring: { podMonitor: { enabled: false }, prometheusRule: { enabled: false } },
};
const OPERATOR_KINDS = ["PodMonitor", "PrometheusRule"];

const PARTS: readonly Part[] = [
  {
    file: "internode.yaml",
    about: "The agents, in a namespace of their own. Apply it first.",
    values: NOTHING_ELSE,
    holds: () => true,
  },
  {
    file: "internode-prometheus-operator.yaml",
    about: "For the Prometheus Operator: scraping and alert rules. Add the labels that your Prometheus selects by.",
    values: { ...NOTHING_ELSE, monitoring: { podMonitor: { enabled: true }, prometheusRule: { enabled: true } } },
    holds: (kind) => OPERATOR_KINDS.includes(kind),
  },
  {
    file: "internode-dashboards.yaml",
    about: "For Grafana with a sidecar that looks for dashboards: one ConfigMap each.",
    values: { ...NOTHING_ELSE, dashboards: { enabled: true } },
    holds: (kind, name) => kind === "ConfigMap" && name.includes("-dashboard-"),
  },
];

const NAMESPACE_OBJECT = `apiVersion: v1
kind: Namespace
metadata:
  name: ${NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
`;

export interface StaticManifestOptions {
  readonly helm: string;
  /** Further flags of `helm template`, such as `--set image.registry=…`. */
  readonly flags?: readonly string[];
}

/** File name → text. */
export async function staticManifests({
  helm,
  flags = [],
}: StaticManifestOptions): Promise<ReadonlyMap<string, string>> {
  const files = await Promise.all(
    PARTS.map(async (part, i) => {
      const values = ["--values", "-"];
      const chart = ["template", "internode", join(ROOT, "chart"), "--namespace", NAMESPACE];
      const rendering = run(helm, [...chart, ...values, ...flags], { maxBuffer: 64 << 20 });
      rendering.child.stdin!.end(JSON.stringify(part.values));
      const objects = objectsOf((await rendering).stdout).filter((text) => part.holds(...kindAndName(text)));
      if (objects.length === 0) throw new Error(`nothing to write into ${part.file}`);
      const all = i === 0 ? [NAMESPACE_OBJECT, ...objects] : objects;
      return [part.file, [`# ${part.about}\n`, ...all].join("---\n")] as const;
    }),
  );
  return new Map(files);
}

/** The documents of a rendering, without what only Helm knows what to do with. */
function objectsOf(rendering: string): readonly string[] {
  return rendering
    .split(/^---\n/m)
    .map((text) =>
      text
        .split("\n")
        .filter((line) => !/^# Source: |^ +(helm\.sh\/chart|app\.kubernetes\.io\/managed-by): /.test(line))
        .join("\n")
        .trim(),
    )
    .filter((text) => text !== "")
    .map((text) => `${text}\n`);
}

function kindAndName(text: string): [kind: string, name: string] {
  return [/^kind: (.+)$/m.exec(text)![1]!, /^ {2}name: "?([^"\n]+)"?$/m.exec(text)![1]!];
}

const HELP = `Writes the chart as plain files, for clusters that are managed without Helm: npm run manifests [-- OPTIONS]

  --out FOLDER     where (default dist)
  --set KEY=VALUE  an option of the chart, as Helm takes it; may be given again
  --helm PROGRAM   the Helm that renders it (default: built from source once)`;

async function main(): Promise<void> {
  const values = readOptions("manifests", HELP, {
    out: { type: "string", default: join(ROOT, "dist") },
    helm: { type: "string" },
    set: { type: "string", multiple: true, default: [] },
  });
  const helm = values.helm ?? (await ensureTools(["helm"], { log: console.log }))["helm"]!;
  const flags = values.set.flatMap((value) => ["--set", value]);
  await mkdir(values.out, { recursive: true });
  for (const [file, text] of await staticManifests({ helm, flags })) {
    await writeFile(join(values.out, file), text);
    console.log(`manifests: ${join(values.out, file)}, ${text.match(/^kind: /gm)!.length} objects`);
  }
}

if (import.meta.main) await main();
