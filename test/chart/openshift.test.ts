// OpenShift: what admits the pods, and what is said where nothing would.
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CHART, HELMS, only, render, WHY_NO_HELM } from "./helm.ts";

describe.skipIf(HELMS.length === 0)(`OpenShift (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4 and 3"})`, () => {
  test.for(HELMS)(
    "the agents' service account may use the constraints that the values name, by $name",
    async (helm) => {
      const manifests = await render({ helm, valuesFile: join(CHART, "ci/openshift-host-port-values.yaml") });
      expect(only(manifests, "RoleBinding", "internode-scc")).toMatchObject({
        metadata: { namespace: "monitoring" },
        roleRef: { kind: "ClusterRole", name: "system:openshift:scc:hostnetwork-v2" },
        subjects: [{ kind: "ServiceAccount", name: "internode", namespace: "monitoring" }],
      });
      const { securityContext } = only(manifests, "DaemonSet").spec.template.spec;
      expect(securityContext).toMatchObject({ runAsNonRoot: true });
      expect(Object.keys(securityContext)).not.toContain("runAsUser");
    },
  );

  test("the notes say what no constraints would admit, on OpenShift only", async () => {
    const question = `{apiVersion: v1, kind: ConfigMap, metadata: {name: said}, data: {said: {{ include "internode.warnings" . | quote }}}}`;
    const said = async (values: object, apiVersions: readonly string[] = ["security.openshift.io/v1"]) =>
      only(await render({ apiVersions, values: { ...values, extraManifests: [question] } }), "ConfigMap", "said").data[
        "said"
      ]!;
    const platform = { podSecurity: { runAsUser: null, runAsGroup: null } };
    expect(await said({})).toMatch(/admit only users of its own\s+range.*runAsUser=null,podSecurity\.runAsGroup=null/);
    expect(await said({ ...platform, hostPort: true })).toMatch(
      /no pod is admitted with hostPort[\s\S]*rbac\.openshiftScc=hostnetwork-v2/,
    );
    expect(await said({ ...platform, config: { engine: "userspace" } })).toMatch(/rbac\.openshiftScc=privileged/);
    expect(await said(platform)).not.toMatch(/OpenShift/);
    expect(await said({ hostPort: true, rbac: { openshiftScc: "privileged" } })).not.toMatch(/OpenShift/);
    expect(await said({ hostPort: true }, [])).not.toMatch(/OpenShift/);
  });
});
