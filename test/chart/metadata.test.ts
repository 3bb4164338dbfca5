// Labels and annotations that every object gets.
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CHART, HELMS, only, render, WHY_NO_HELM, WITH_OPERATOR } from "./helm.ts";

const values = {
  commonLabels: { team: "network" },
  commonAnnotations: { "example.com/owner": "network", "example.com/note": "all" },
  serviceAccount: { annotations: { "example.com/note": "own" } },
  monitoring: { alertmanagerConfig: { enabled: true } },
};

describe.skipIf(HELMS.length === 0)(`metadata (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4 and 3"})`, () => {
  test.for(HELMS)("common labels and annotations reach every object, by $name", async (helm) => {
    const valuesFile = join(CHART, "ci/operator-values.yaml");
    const manifests = await render({ ...WITH_OPERATOR, helm, valuesFile, values });
    expect(new Set(manifests.map(({ kind }) => kind)).size).toBeGreaterThan(12);
    const without = manifests.filter(
      ({ metadata }) =>
        metadata.labels?.["team"] !== "network" || metadata.annotations?.["example.com/owner"] !== "network",
    );
    expect(without.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([]);
  });

  test("an object's own annotations win, and the agents' pods are not replaced for the sake of common ones", async () => {
    const manifests = await render({ ...WITH_OPERATOR, values });
    expect(only(manifests, "ServiceAccount").metadata.annotations).toMatchObject({ "example.com/note": "own" });
    const pods = only(manifests, "DaemonSet").spec.template.metadata;
    expect(pods.labels).toMatchObject({ team: "network" });
    expect(pods.annotations).toEqual(only(await render(WITH_OPERATOR), "DaemonSet").spec.template.metadata.annotations);
  });

  test("a common annotation that the pod of helm test has itself is there once, and its own wins", async () => {
    const commonAnnotations = { "linkerd.io/inject": "enabled", "helm.sh/hook": "post-install", a: "b" };
    expect(only(await render({ values: { commonAnnotations } }), "Pod").metadata.annotations).toEqual({
      a: "b",
      "helm.sh/hook": "test",
      "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
      "linkerd.io/inject": "disabled",
    });
  });
});
