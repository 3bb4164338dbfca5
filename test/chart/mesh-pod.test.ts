// The pod of `helm test` in the render: whether it is there, what it may take.
import { describe, expect, test } from "vitest";
import { HELMS, notes, only, refusal, render, WHY_NO_HELM } from "./helm.ts";

describe.skipIf(HELMS.length === 0)(`the pod of helm test (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`, () => {
  test("is left out with its ConfigMap, its rule in the policy and its line in the notes", async () => {
    const values = { tests: { enabled: false } };
    const text = JSON.stringify(await render({ values }));
    expect(text).not.toMatch(/internode-test|component":"test"/);
    expect(JSON.stringify(await render())).toMatch(/internode-test.*component":"test"/);
    expect(JSON.stringify(await render({ values: { ...values, networkPolicy: { flavor: "cilium" } } }))).not.toMatch(
      /component":"test"/,
    );
    expect(await notes({ values })).not.toContain("helm -n monitoring test");
    expect(await notes()).toContain("helm -n monitoring test internode");
  });

  test("takes the resources of the values", async () => {
    const resourcesOf = async (resources?: object) =>
      only(await render({ values: { tests: resources === undefined ? {} : { resources } } }), "Pod").spec.containers[0]!
        .resources;
    expect(await resourcesOf()).toEqual({
      requests: { cpu: "50m", memory: "64Mi" },
      limits: { memory: "256Mi" },
    });
    expect(await resourcesOf({ limits: { cpu: "1", memory: "128Mi" } })).toEqual({
      requests: { cpu: "50m", memory: "64Mi" },
      limits: { cpu: "1", memory: "128Mi" },
    });
    expect(await refusal({ values: { tests: { resources: { limits: { memory: "32Mi" } } } } })).toMatch(
      /tests\.resources\.requests\.memory is 64Mi, more than tests\.resources\.limits\.memory, which is 32Mi/,
    );
  });
});
