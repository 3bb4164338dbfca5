// Kubernetes merges some lists by a key of their entries when an object is changed. Where two entries share the key, Helm 3
// and kubectl make something else of an upgrade than of an install.
import { basename } from "node:path";
import { describe, expect, test } from "vitest";
import { CI_VALUES, HELMS, only, render, WHY_NO_HELM, WITH_OPERATOR, type Rendering, headlessService } from "./helm.ts";
import type { Container, Manifest } from "./kinds.ts";

interface Service {
  readonly spec: { readonly ports: readonly { readonly port: number; readonly name: string }[] };
}

const repeated = (keys: readonly (string | number)[]): readonly (string | number)[] =>
  keys.filter((key, i) => keys.indexOf(key) !== i);

/** Of the agents, and of the host view where there is one. */
function podSpecs(manifests: readonly Manifest[]) {
  const names = manifests.filter(({ kind }) => kind === "DaemonSet").map(({ metadata }) => metadata.name);
  expect(names.length).toBeGreaterThan(0);
  return names.map((name) => only(manifests, "DaemonSet", name).spec.template.spec);
}

async function agentOf(rendering: Rendering): Promise<Container> {
  return only(await render(rendering), "DaemonSet").spec.template.spec.containers[0]!;
}

describe.skipIf(HELMS.length === 0)(
  `lists that an upgrade merges (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`,
  () => {
    test.for(CI_VALUES.map((valuesFile) => ({ valuesFile, variant: basename(valuesFile, "-values.yaml") })))(
      "in variant $variant no two entries have one key, host ports apart",
      async ({ valuesFile }) => {
        const manifests = await render({ ...WITH_OPERATOR, valuesFile });
        const { ports } = (headlessService(manifests) as unknown as Service).spec;
        expect(repeated(ports.map(({ port }) => port))).toEqual([]);
        for (const { containers, volumes } of podSpecs(manifests)) {
          expect(repeated(volumes.map(({ name }) => name))).toEqual([]);
          for (const { env, ports, volumeMounts } of containers) {
            expect(repeated(env.map(({ name }) => name))).toEqual([]);
            expect(repeated(volumeMounts.map(({ mountPath }) => mountPath))).toEqual([]);
            const shared = repeated(ports.map(({ containerPort }) => containerPort));
            expect(shared).toEqual(ports.filter(({ name }) => name === "probe-udp").map(({ hostPort }) => hostPort));
          }
        }
      },
    );

    test("a host port stands for TCP and UDP, so every change of it makes another container", async () => {
      const name = async (values: object): Promise<string> => (await agentOf({ values })).name;
      const other = { config: { ports: { probe: 17_843 } } };
      expect(await name({})).toBe("agent");
      expect(await name(other)).toBe("agent");
      expect(await name({ hostNetwork: true })).toBe("agent");
      expect(await name({ hostPort: true })).toBe("agent-7843");
      expect(await name({ hostPort: true, ...other })).toBe("agent-17843");
    });

    test("kubectl logs and exec find the container without being told its name", async () => {
      for (const hostPort of [false, true]) {
        const { metadata, spec } = only(await render({ values: { hostPort } }), "DaemonSet").spec.template;
        expect(metadata.annotations["kubectl.kubernetes.io/default-container"]).toBe(spec.containers[0]!.name);
      }
    });
  },
);
