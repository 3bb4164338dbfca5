// Names and texts as Kubernetes wants them, whatever the release, the namespace and the values are called.
import { describe, expect, test } from "vitest";
import { HELMS, only, refusal, render, WHY_NO_HELM, WITH_OPERATOR, headlessService } from "./helm.ts";
import type { Manifest } from "./kinds.ts";

/** Fields that hold text and nothing else: a bare 123, 1e3 or true there is another type to YAML, and refused. */
const MAPS_OF_TEXT = new Set(["labels", "annotations", "matchLabels", "nodeSelector"]);
const TEXTS = new Set([
  "name",
  "namespace",
  "serviceAccountName",
  "priorityClassName",
  "secretName",
  "image",
  "jobLabel",
  "bodySizeLimit",
  "folder",
  "key",
  "path",
]);

function notText(manifest: Manifest): string[] {
  const found: string[] = [];
  const visit = (path: string, value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const parent = path.split(".").at(-1)!;
    for (const [key, child] of Object.entries(value)) {
      const isText =
        TEXTS.has(key) || MAPS_OF_TEXT.has(parent) || (parent === "selector" && manifest.kind === "Service");
      if (isText && (typeof child === "number" || typeof child === "boolean")) found.push(`${path}.${key}: ${child}`);
      visit(`${path}.${key}`, child);
    }
  };
  visit(manifest.kind, manifest);
  return found;
}

describe.skipIf(HELMS.length === 0)(`names (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`, () => {
  test.for([
    { release: "123", namespace: "1e3", values: { fullnameOverride: "mesh" } },
    { release: "true", namespace: "null", values: {} },
    {
      release: "mesh",
      namespace: "net",
      values: {
        nameOverride: "123",
        image: { tag: "1" },
        serviceAccount: { name: "123" },
        priorityClass: { create: false, name: "1e3" },
        secrets: { udpKey: { name: "1e3", key: "007" } },
        imagePullSecrets: [{ name: "1" }],
        commonLabels: { number: "1" },
        podLabels: { flag: "yes" },
        nodeSelector: { pool: "true" },
        monitoring: { bodySizeLimit: "100", podMonitor: { jobLabel: "1" }, labels: { release: "1" } },
        dashboards: {
          namespace: "123",
          folder: "1",
          folderAnnotation: "true",
          grafanaOperator: { enabled: true, instanceSelector: { matchLabels: { a: "1" } } },
        },
      },
    },
  ])("what looks like a number or a truth value stays text: $release in $namespace", async (rendering) => {
    const manifests = await render({ ...WITH_OPERATOR, ...rendering });
    expect(manifests.flatMap(notText)).toEqual([]);
    expect(new Set(manifests.map(({ metadata }) => metadata.namespace)).has(rendering.namespace)).toBe(true);
  });

  // A Service's name: letters, digits and dashes, beginning with a letter.
  test.for([
    ["my.release", {}, "my-release-internode"],
    ["mesh", { nameOverride: "a.b" }, "mesh-a-b"],
    ["mesh", { fullnameOverride: `${"a".repeat(48)}--b` }, "a".repeat(48)],
    ["1st", { fullnameOverride: "first" }, "first"],
  ] as const)("the release %s with %j gives a Service of a possible name", async ([release, values, name]) => {
    const manifests = await render({ release, values });
    expect(headlessService(manifests).metadata.name).toBe(name);
    expect(JSON.parse(only(manifests, "ConfigMap", name).data["config.json"]!)).toMatchObject({
      discovery: { service: name },
    });
  });

  test("the class of a namespace that begins like Kubernetes' own priority classes does not", async () => {
    expect(only(await render({ namespace: "system-upgrade", release: "mesh" }), "PriorityClass").metadata.name).toBe(
      "internode.system-upgrade.mesh-internode",
    );
    expect(only(await render({ namespace: "net", release: "mesh" }), "PriorityClass").metadata.name).toBe(
      "net.mesh-internode",
    );
  });

  test("a name that no Service can have is refused before anything is installed", async () => {
    expect(await refusal({ release: "1st" })).toMatch(/named 1st-internode.*begins with a letter.*fullnameOverride/);
    expect(await refusal({ values: { fullnameOverride: "9" } })).toMatch(/named 9,/);
  });

  test("no two releases share an object of the cluster, even where namespace and name run into each other", async () => {
    const nameOf = async (namespace: string, release: string) =>
      only(await render({ namespace, release }), "PriorityClass").metadata.name;
    expect(await nameOf("net-prod", "internode")).not.toBe(await nameOf("net", "prod-internode"));
  });
});
