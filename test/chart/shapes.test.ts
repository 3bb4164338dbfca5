// Values of a wrong name, type or range stop Helm before any template runs, and the message names them.
import { describe, expect, test } from "vitest";
import { HELMS, type Helm, refusal, WHY_NO_HELM } from "./helm.ts";

interface Wrong {
  readonly what: string;
  readonly values: Readonly<Record<string, unknown>>;
  /** What the message must name: where, and what is wrong there. */
  readonly says: readonly RegExp[];
}

const SHAPES: readonly Wrong[] = [
  {
    what: "an unknown value",
    values: { hostnetwork: true },
    says: [/additional properties 'hostnetwork' not allowed/],
  },
  { what: "an unknown nested value", values: { image: { tagg: "1" } }, says: [/'\/image'/, /'tagg' not allowed/] },
  {
    what: "a misspelt option of the agent",
    values: { config: { icmp: { intervallMs: 1 } } },
    says: [/'\/config\/icmp'/, /'intervallMs' not allowed/],
  },
  {
    what: "a number out of range",
    values: { config: { icmp: { intervalMs: 5 } } },
    says: [/'\/config\/icmp\/intervalMs'/, /got 5, want 100/],
  },
  {
    what: "text where a number belongs",
    values: { config: { icmp: { intervalMs: "1s" } } },
    says: [/'\/config\/icmp\/intervalMs'/, /got string, want integer/],
  },
  {
    what: "an unknown network",
    values: { config: { tcp: { networks: ["host"] } } },
    says: [/'\/config\/tcp\/networks\/0'/, /'pod', 'node'/],
  },
  {
    what: "the node's name, which the pod knows",
    values: { config: { node: { name: "x" } } },
    says: [/'\/config'/, /'node' not allowed/],
  },
  {
    what: "another discovery",
    values: { config: { discovery: { kind: "static" } } },
    says: [/'\/config\/discovery'/, /'kind' not allowed/],
  },
  {
    what: "text where true or false belongs",
    values: { hostPort: "yes" },
    says: [/'\/hostPort'/, /got string, want boolean/],
  },
  { what: "a digest that is none", values: { image: { digest: "latest" } }, says: [/'\/image\/digest'/] },
  {
    what: "an unknown pull policy",
    values: { image: { pullPolicy: "Sometimes" } },
    says: [/'\/image\/pullPolicy'/, /'IfNotPresent'/],
  },
  {
    what: "a share above 100 %",
    values: { updateStrategy: { maxUnavailable: "150%" } },
    says: [/'\/updateStrategy\/maxUnavailable'/],
  },
  { what: "a range that is one number", values: { pingGroupRange: "0" }, says: [/'\/pingGroupRange'/] },
  {
    what: "tolerations as a map",
    values: { tolerations: { operator: "Exists" } },
    says: [/'\/tolerations'/, /got object, want array/],
  },
  {
    what: "a pull secret as a bare name",
    values: { imagePullSecrets: ["pull"] },
    says: [/'\/imagePullSecrets\/0'/, /got string, want object/],
  },
  {
    what: "a priority reserved for the system",
    values: { priorityClass: { value: 2_000_000_000 } },
    says: [/'\/priorityClass\/value'/],
  },
  { what: "a heap larger than the memory", values: { heapPercent: 100 }, says: [/'\/heapPercent'/, /want 80/] },
  {
    what: "a memory limit that is no quantity",
    values: { resources: { limits: { memory: "lots" } } },
    says: [/'\/resources\/limits\/memory'/],
  },
  {
    what: "root where the pod must not be root",
    values: { podSecurity: { runAsUser: 0 } },
    says: [/'\/podSecurity\/runAsUser'/, /got 0, want 1/],
  },
  {
    what: "a variable without name",
    values: { env: [{ value: "x" }] },
    says: [/'\/env\/0'/, /missing property 'name'/],
  },
  {
    what: "a variable that is no text",
    values: { env: [{ name: "A", value: true }] },
    says: [/'\/env\/0\/value'/, /got boolean, want string/],
  },
  {
    what: "a tag in the repository",
    values: { image: { repository: "registry:5000/internode:1" } },
    says: [/'\/image\/repository'/],
  },
  { what: "a tag that is none", values: { image: { tag: "a b: c" } }, says: [/'\/image\/tag'/] },
  { what: "a whole section set to null", values: { monitoring: null }, says: [/missing property 'monitoring'/] },
  {
    what: "a switch set to null",
    values: { networkPolicy: { enabled: null } },
    says: [/'\/networkPolicy'/, /missing property 'enabled'/],
  },
  { what: "a duration without unit", values: { monitoring: { interval: "15" } }, says: [/'\/monitoring\/interval'/] },
];

/** One refusal tells of everything: wrong values are given together, but for those of one section. */
function batched(all: readonly Wrong[]): readonly (readonly Wrong[])[] {
  const batches: Wrong[][] = [];
  const sectionsOf = ({ values }: Wrong) => Object.keys(values);
  for (const wrong of all) {
    const taken = (batch: readonly Wrong[]) => new Set(batch.flatMap(sectionsOf));
    const batch = batches.find((found) => sectionsOf(wrong).every((section) => !taken(found).has(section)));
    if (batch === undefined) batches.push([wrong]);
    else batch.push(wrong);
  }
  return batches;
}

// Each Helm brings a validator of its own.
describe.skipIf(HELMS.length === 0)(
  `values of a wrong shape (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4 and 3"})`,
  () => {
    const messages = new Map<string, Promise<string | undefined>>();
    const said = (helm: Helm, batch: readonly Wrong[]): Promise<string | undefined> => {
      const values = Object.assign({}, ...batch.map(({ values }) => values)) as object;
      const key = helm.name + JSON.stringify(values);
      const message = messages.get(key) ?? refusal({ helm, values });
      messages.set(key, message);
      return message;
    };

    describe.for(HELMS)("$name", (helm) => {
      test.for(batched(SHAPES).flatMap((batch) => batch.map((wrong) => ({ what: wrong.what, wrong, batch }))))(
        "$what",
        async ({ wrong, batch }) => {
          const message = await said(helm, batch);
          for (const part of wrong.says) expect(message).toMatch(part);
        },
      );
    });
  },
);
