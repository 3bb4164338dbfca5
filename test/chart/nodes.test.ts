// Which nodes get an agent: the affinity of the pods, and the chart's own reading of it for its figures.
import { describe, expect, test } from "vitest";
import { HELMS, only, render, WHY_NO_HELM } from "./helm.ts";
import type { Kinds } from "./kinds.ts";

type Labels = Readonly<Record<string, string>>;
type Term =
  Kinds["DaemonSet"]["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"][number];

const LINUX: Labels = { "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" };

/** Labels of nodes as these projects register them: each has a kubelet that runs no pod on a network of its own. */
const VIRTUAL: Readonly<Record<string, Labels>> = {
  "virtual-kubelet and Azure Container Instances": { type: "virtual-kubelet" },
  Admiralty: { "virtual-kubelet.io/provider": "admiralty" },
  kwok: { type: "kwok" },
  "kwok by Karpenter": { "kwok.x-k8s.io/node": "fake" },
  Liqo: { "liqo.io/type": "virtual-node" },
  Kosmos: { "kosmos.io/node": "true" },
  Fargate: { "eks.amazonaws.com/compute-type": "fargate" },
  "Tencent super node": { "node.kubernetes.io/instance-type": "eklet" },
};
const REAL: Readonly<Record<string, Labels>> = {
  "a node": {},
  "another architecture that has an image": { "kubernetes.io/arch": "arm64" },
  "a control plane": { "node-role.kubernetes.io/control-plane": "" },
  "EKS auto mode": { "eks.amazonaws.com/compute-type": "auto" },
  "another type": { type: "gpu" },
  "another instance type": { "node.kubernetes.io/instance-type": "m5.large" },
};
const ELSEWHERE: Readonly<Record<string, Labels>> = {
  Windows: { "kubernetes.io/os": "windows" },
  "an architecture without an image": { "kubernetes.io/arch": "riscv64" },
};

/** As the scheduler reads a required node affinity: any term, all of its expressions. */
function admits(terms: readonly Term[], labels: Labels): boolean {
  const meets = ({ key, operator, values = [] }: Term["matchExpressions"][number]): boolean => {
    switch (operator) {
      case "In":
        return key in labels && values.includes(labels[key]!);
      case "NotIn":
        return !(key in labels && values.includes(labels[key]!));
      case "Exists":
        return key in labels;
      case "DoesNotExist":
        return !(key in labels);
      default:
        throw new Error(`operator ${operator}`);
    }
  };
  return terms.some(({ matchExpressions }) => matchExpressions.every(meets));
}

/** Every kind of node: does the scheduler's reading admit it, and does the chart count it? */
async function judged(
  values: object = {},
): Promise<Readonly<Record<string, readonly [admitted: boolean, counted: boolean]>>> {
  const nodes = {
    ...VIRTUAL,
    ...REAL,
    ...ELSEWHERE,
    "with a GPU": { gpu: "yes" },
    "of the pool": { pool: "a", gpu: "yes" },
  };
  const question = `
apiVersion: v1
kind: ConfigMap
metadata: { name: said }
data:
  {{- $terms := (include "internode.affinity" . | fromYaml).nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms }}
  {{- range $name, $labels := \`${JSON.stringify(nodes)}\` | fromJson }}
  {{ $name | quote }}: {{ include "internode.isWatched" (dict "root" $ "terms" $terms "labels" (merge $labels (\`${JSON.stringify(LINUX)}\` | fromJson))) | quote }}
  {{- end }}`;
  const manifests = await render({ values: { ...values, extraManifests: [question] } });
  const said = only(manifests, "ConfigMap", "said").data;
  const { affinity } = only(manifests, "DaemonSet").spec.template.spec;
  const terms = affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms;
  return Object.fromEntries(
    Object.entries(nodes).map(([name, labels]) => [name, [admits(terms, { ...LINUX, ...labels }), said[name] !== ""]]),
  );
}

describe.skipIf(HELMS.length === 0)(`which nodes get an agent (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`, () => {
  test("every real Linux node, and no virtual node of any kind", async () => {
    const nodes = await judged();
    for (const name of Object.keys(REAL)) expect(nodes[name], name).toEqual([true, true]);
    for (const name of Object.keys({ ...VIRTUAL, ...ELSEWHERE })) expect(nodes[name], name).toEqual([false, false]);
  });

  test("the values' affinity narrows that, in every one of its terms", async () => {
    const required = {
      nodeSelectorTerms: [
        { matchExpressions: [{ key: "gpu", operator: "DoesNotExist" }] },
        { matchExpressions: [{ key: "pool", operator: "In", values: ["a"] }] },
      ],
    };
    const nodes = await judged({
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } },
    });
    for (const name of Object.keys(REAL)) expect(nodes[name], name).toEqual([true, true]);
    for (const name of Object.keys({ ...VIRTUAL, ...ELSEWHERE })) expect(nodes[name], name).toEqual([false, false]);
    expect(nodes["with a GPU"]).toEqual([false, false]);
    expect(nodes["of the pool"]).toEqual([true, true]);
  });

  test("a required affinity of no terms leaves the chart's own conditions", async () => {
    for (const required of [null, {}, { nodeSelectorTerms: null }, { nodeSelectorTerms: [] }]) {
      const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } };
      const nodes = await judged({ affinity });
      expect([nodes["a node"], nodes["kwok"]], JSON.stringify(required)).toEqual([
        [true, true],
        [false, false],
      ]);
    }
  });

  test("preferences and pod affinity are passed on, and the pod of helm test gets the nodes' part only", async () => {
    const preferred = [{ weight: 1, preference: { matchExpressions: [{ key: "ssd", operator: "Exists" }] } }];
    const podAntiAffinity = {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "other" } } },
      ],
    };
    const manifests = await render({
      values: {
        affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred }, podAntiAffinity },
      },
    });
    const { affinity } = only(manifests, "DaemonSet").spec.template.spec;
    expect(affinity).toMatchObject({
      nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred },
      podAntiAffinity,
    });
    expect(only(manifests, "Pod").spec.affinity).toEqual({ nodeAffinity: affinity.nodeAffinity });
  });
});
