// From every way of installing to another one, by an upgrade: what the cluster then has must be what an install would have
// made. No pod runs meanwhile, since no node is chosen.
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { loadAll } from "js-yaml";
import { CI_VALUES } from "../chart/helm.ts";

export interface State {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
}

const NOWHERE = { nodeSelector: { "internode.test/nowhere": "" } };

const PORTS: readonly State[] = [
  state("defaults", {}),
  state("another probe port", { config: { ports: { probe: 17_843 } } }),
  state("ports that change places", { config: { ports: { metrics: 7_843, probe: 8_843, http: 9_843 } } }),
  state("hostPort", { hostPort: true }),
  state("hostPort, another probe port", { hostPort: true, config: { ports: { probe: 17_843 } } }),
];

/** What else an object could keep of before. */
const OTHERS: readonly State[] = [
  // One container: only what is listed once changes.
  state("hostPort", { hostPort: true }),
  state("hostPort, another HTTP port", { hostPort: true, config: { ports: { http: 18_843 } } }),
  state("hostPort, metrics and HTTP change places", {
    hostPort: true,
    config: { ports: { metrics: 18_843, http: 9_843 } },
  }),
  state("hostNetwork", { hostNetwork: true }),
  state("OnDelete", { updateStrategy: { type: "OnDelete" } }),
  state("no limits", { resources: { requests: null, limits: null } }),
  state("no policy, no dashboards", { networkPolicy: { enabled: false }, dashboards: { enabled: false } }),
  state("one family", { service: { ipFamilyPolicy: "SingleStack" } }),
  state("a volume", volume({ emptyDir: { sizeLimit: "1Mi" } })),
  state("the same volume of another kind", volume({ hostPath: { path: "/tmp", type: "Directory" } })),
  state("a variable", { env: [{ name: "A", value: "1" }] }),
  state("the same variable from elsewhere", {
    env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "a", key: "b" } } }],
  }),
];

/** Every port state after every other one, then every other way of installing, one after another. */
export async function upgradePath(): Promise<readonly State[]> {
  const files = CI_VALUES.map(async (file) => state(basename(file, "-values.yaml"), await read(file)));
  return [...everyOrder(PORTS), ...OTHERS, ...(await Promise.all(files))];
}

/** A walk that goes from each to each other, straight, once. */
function everyOrder<T extends object>(nodes: readonly T[]): readonly T[] {
  const left = new Map(nodes.map((from) => [from, nodes.filter((to) => to !== from)]));
  const walk: T[] = [];
  const stack = [nodes[0]!];
  while (stack.length > 0) {
    const next = left.get(stack.at(-1)!)!.pop();
    if (next === undefined) walk.push(stack.pop()!);
    else stack.push(next);
  }
  return walk.toReversed();
}

function state(name: string, values: Readonly<Record<string, unknown>>): State {
  return { name, values: { ...values, ...NOWHERE } };
}

function volume(source: object): Readonly<Record<string, unknown>> {
  return {
    extraVolumes: [{ name: "extra", ...source }],
    extraVolumeMounts: [{ name: "extra", mountPath: "/extra" }],
  };
}

async function read(file: string): Promise<Readonly<Record<string, unknown>>> {
  // A file of comments alone is no document.
  const [values = {}] = loadAll(await readFile(file, "utf8")) as readonly { readonly dashboards?: object }[];
  // The definitions of its kind are not to be had: see live-objects.ts.
  return { ...values, dashboards: { ...values.dashboards, grafanaOperator: { enabled: false } } };
}
