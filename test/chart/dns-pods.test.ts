// The Service that lists the pods behind cluster DNS, and the name by which agents find it.
import { describe, expect, test } from "vitest";
import { HELMS, render, WHY_NO_HELM } from "./helm.ts";
import type { Manifest } from "./kinds.ts";

const ON = { dnsPods: { enabled: true } };
const configOf = (manifests: readonly Manifest[]) => {
  const texts = manifests.map((manifest) => (manifest["data"] as Record<string, string> | undefined)?.["config.json"]);
  return JSON.parse(texts.find((text) => text !== undefined)!) as { readonly dns?: object };
};
const servicesOf = (manifests: readonly Manifest[]) =>
  manifests.filter(({ kind, metadata }) => kind === "Service" && metadata.name.endsWith("-dns"));

describe.skipIf(HELMS.length === 0)(`dnsPods (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`, () => {
  test("by default there is none, and no object outside of the release's namespace", async () => {
    const manifests = await render({});
    expect(servicesOf(manifests)).toEqual([]);
    expect(configOf(manifests).dns).toBeUndefined();
  });

  test("switched on it is headless, beside those pods, and the agents have its name", async () => {
    const manifests = await render({ values: ON });
    expect(servicesOf(manifests)).toMatchObject([
      {
        metadata: { namespace: "kube-system" },
        spec: {
          clusterIP: "None",
          selector: { "k8s-app": "kube-dns" },
          ports: [{ name: "dns", targetPort: "dns", protocol: "UDP" }],
        },
      },
    ]);
    const [service] = servicesOf(manifests);
    expect(configOf(manifests).dns).toEqual({ pods: { host: `${service!.metadata.name}.kube-system.svc` } });
  });

  test("other options of dns stay, OpenShift's pods are found too, and dns that is off needs none", async () => {
    const openshift = {
      enabled: true,
      namespace: "openshift-dns",
      port: 5353,
      selector: { "k8s-app": null, "dns.operator.openshift.io/daemonset-dns": "default" },
    };
    const manifests = await render({ values: { dnsPods: openshift, config: { dns: { names: ["a.example."] } } } });
    const [service] = servicesOf(manifests);
    expect(service!["spec"]).toMatchObject({ selector: { "dns.operator.openshift.io/daemonset-dns": "default" } });
    expect(service!["spec"]).toMatchObject({ ports: [{ targetPort: 5353 }] });
    expect(JSON.stringify(service)).not.toContain("k8s-app");
    expect(configOf(manifests).dns).toEqual({
      names: ["a.example."],
      pods: { host: `${service!.metadata.name}.openshift-dns.svc` },
    });
    expect(servicesOf(await render({ values: { ...ON, config: { dns: { enabled: false } } } }))).toEqual([]);
  });

  test("two releases whose long names begin alike do not share it, and no name is longer than Kubernetes takes", async () => {
    const long = "a".repeat(50);
    const names = await Promise.all(
      ["b", "c"].map(async (end) => {
        const manifests = await render({
          namespace: `${"1".repeat(60)}${end}`,
          values: { ...ON, fullnameOverride: long },
        });
        return servicesOf(manifests)[0]!.metadata.name;
      }),
    );
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9-]{0,62}$/);
  });
});
