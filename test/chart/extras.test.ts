// What the values add to the pods and to the release: nothing twice, nothing that refers to nothing.
import { describe, expect, test } from "vitest";
import { HELMS, only, refusal, render, WHY_NO_HELM } from "./helm.ts";

describe.skipIf(HELMS.length === 0)(`what the values add (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`, () => {
  test("variables of the chart's own, options of the agent and doubles are refused", async () => {
    const env = [
      { name: "NODE_OPTIONS", value: "" },
      { name: "HOST_IPS", value: "10.0.0.1" },
      { name: "INTERNODE_PORTS_METRICS", value: "1" },
      { name: "TZ", value: "UTC" },
      { name: "TZ", value: "CET" },
    ];
    const message = await refusal({ values: { env } });
    expect(message).toMatch(/env has NODE_OPTIONS.*heapPercent/);
    expect(message).toMatch(/env has HOST_IPS.*Remove it/);
    expect(message).toMatch(/env has INTERNODE_PORTS_METRICS.*Set the option there/);
    expect(message).toMatch(/env has TZ twice: only the last would count\. Leave out the other/);
    expect(message!.match(/^ {2}- /gm)).toHaveLength(4);
  });

  test("volumes of the chart's own names and doubles, and mounts of no volume or at a taken path, are refused", async () => {
    const values = {
      extraVolumes: [
        { name: "config", emptyDir: {} },
        { name: "a", emptyDir: {} },
        { name: "a", emptyDir: {} },
      ],
      extraVolumeMounts: [
        { name: "a", mountPath: "/a" },
        { name: "a", mountPath: "/a/" },
        { name: "b", mountPath: "/b" },
        { name: "a", mountPath: "/etc/internode/config.json" },
        { name: "udp-key", mountPath: "/key" },
      ],
    };
    const message = await refusal({ values });
    expect(message).toMatch(/extraVolumes has config.*another name/);
    expect(message).toMatch(/extraVolumes has a twice.*another name/);
    expect(message).toMatch(/mounts two volumes at \/a\/.*Choose another path/);
    expect(message).toMatch(/mounts b, which is no volume.*Add it to extraVolumes/);
    expect(message).toMatch(/mounts two volumes at \/etc\/internode\/config\.json/);
    expect(message).toMatch(/mounts udp-key, which is no volume/);
    expect(message!.match(/^ {2}- /gm)).toHaveLength(6);
  });

  test("a volume of the chart's own may be mounted once more, elsewhere", async () => {
    const values = {
      secrets: { udpKey: { name: "key" } },
      extraVolumeMounts: [
        { name: "udp-key", mountPath: "/key" },
        { name: "config", mountPath: "/config" },
      ],
    };
    const [agent] = only(await render({ values }), "DaemonSet").spec.template.spec.containers;
    expect(agent!.volumeMounts.map(({ mountPath }) => mountPath)).toEqual(expect.arrayContaining(["/key", "/config"]));
  });

  test("a manifest that is no object is refused, each by its place", async () => {
    const extraManifests = [
      "text",
      { kind: "ConfigMap", metadata: { name: "a" } },
      "apiVersion: v1\nkind: ConfigMap\n",
      "a: [",
      "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: fine }\n---\n- one\n- two\n",
    ];
    const message = await refusal({ values: { extraManifests } });
    expect(message).toMatch(/extraManifests\[0\] is no object.*apiVersion, kind, metadata\.name missing in `text`/);
    expect(message).toMatch(/extraManifests\[1\].*: apiVersion missing in/);
    expect(message).toMatch(/extraManifests\[2\].*: metadata\.name missing in/);
    expect(message).toMatch(/extraManifests\[3\].*missing in `a: \[`/);
    expect(message).toMatch(/extraManifests\[4\].*missing in `- one - two`/);
    expect(message!.match(/^ {2}- /gm)).toHaveLength(5);
  });

  test.for(HELMS)("lists, several documents, templates and what renders to nothing are fine to $name", async (helm) => {
    const extraManifests = [
      {
        apiVersion: "v1",
        kind: "List",
        items: [{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "listed" } }],
      },
      "{{ if false }}\napiVersion: v1\n{{ end }}\n# nothing\n",
      "---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: '{{ .Release.Name }}-a' }\n--- # next\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: b }\n",
    ];
    const names = (await render({ helm, values: { extraManifests } })).map(({ metadata }) => metadata?.name);
    expect(names).toEqual(expect.arrayContaining(["internode-a", "b"]));
  });
});
