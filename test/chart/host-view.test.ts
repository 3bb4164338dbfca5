// The host view as the chart renders it: only when it is asked for, without any right, and with the token always.
import { describe, expect, test } from "vitest";
import { HELMS, only, refusal, render, WHY_NO_HELM } from "./helm.ts";

const ON = { hostView: { enabled: true } };
const hostView = (manifests: Awaited<ReturnType<typeof render>>) => only(manifests, "DaemonSet", "internode-host-view");

describe.skipIf(HELMS.length === 0)(`the host view (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`, () => {
  test("is not there by default, and nothing of its needs is", async () => {
    const manifests = await render();
    expect(manifests.filter(({ metadata }) => metadata.name.includes("host-view"))).toEqual([]);
    expect(manifests.filter(({ kind }) => kind === "Secret")).toEqual([]);
    expect(only(manifests, "ConfigMap", "internode").data["config.json"]).not.toContain("hostView");
  });

  test("runs on the host network as nobody, without capabilities, host paths, or a token of the API server", async () => {
    const { spec } = hostView(await render({ values: ON })).spec.template;
    expect(spec).toMatchObject({
      hostNetwork: true,
      dnsPolicy: "ClusterFirstWithHostNet",
      automountServiceAccountToken: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65_532,
        runAsGroup: 65_532,
        seccompProfile: { type: "RuntimeDefault" },
      },
    });
    expect(spec.containers).toHaveLength(1);
    const [container] = spec.containers;
    expect(container).toMatchObject({
      args: ["host-view"],
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      },
      resources: { requests: { cpu: "10m", memory: "64Mi" }, limits: { memory: "160Mi" } },
    });
    expect(JSON.stringify(spec)).not.toMatch(/hostPath|hostPID|hostIPC|privileged|"add"|sysctls/);
    expect(container!.env).toContainEqual({ name: "INTERNODE_LISTEN", value: "$(HOST_IPS)" });
  });

  // Its kubelet's probes take the network that may be what is broken; what hangs is told by the readiness probe.
  test("is not ended because its node takes no new connection, and is not ready meanwhile", async () => {
    const [container] = hostView(await render({ values: ON })).spec.template.spec.containers;
    expect(container).not.toHaveProperty("livenessProbe");
    expect(container).toMatchObject({ readinessProbe: { httpGet: { path: "/healthz", port: "host-view" } } });
  });

  test("has the token of the agents, which ask it on its own port", async () => {
    const manifests = await render({ values: ON });
    const config = JSON.parse(only(manifests, "ConfigMap", "internode").data["config.json"]!) as object;
    expect(config).toMatchObject({ hostView: { enabled: true }, tokenFile: "/etc/internode/token/token" });
    const volume = {
      name: "token",
      secret: { secretName: "internode-token", defaultMode: 0o644, items: [{ key: "token", path: "token" }] },
    };
    for (const daemonSet of [hostView(manifests), only(manifests, "DaemonSet", "internode")])
      expect(daemonSet.spec.template.spec.volumes).toContainEqual(volume);
    only(manifests, "Secret", "internode-token");
    const [container] = hostView(manifests).spec.template.spec.containers;
    expect(container!.ports).toEqual([{ name: "host-view", containerPort: 8_844, hostPort: 8_844, protocol: "TCP" }]);
    const moved = await render({ values: { ...ON, config: { ports: { hostView: 18_844 } } } });
    expect(hostView(moved).spec.template.spec.containers[0]!.ports).toEqual([
      { name: "host-view", containerPort: 18_844, hostPort: 18_844, protocol: "TCP" },
    ]);
  });

  test("is taken for an agent by no Service and no policy", async () => {
    const manifests = await render({ values: ON });
    const { labels } = hostView(manifests).spec.template.metadata;
    expect(labels).toMatchObject({ "app.kubernetes.io/component": "host-view" });
    for (const { kind, spec } of manifests.filter(({ kind }) => kind === "Service"))
      expect({ kind, selector: (spec as { selector: object }).selector }).toMatchObject({
        selector: { "app.kubernetes.io/component": "agent" },
      });
  });

  test("needs a token that can be kept, and is of no use where the agents are in the nodes' network", async () => {
    expect(await refusal({ values: { ...ON, askCluster: false } })).toMatch(/hostView\.enabled needs a token/);
    expect(await refusal({ values: { ...ON, hostNetwork: true } })).toMatch(
      /hostView\.enabled and hostNetwork are both true.*Set hostView\.enabled to false/,
    );
    expect(await refusal({ values: { config: { hostView: { enabled: true } } } })).toMatch(
      /config\.hostView\.enabled is true and hostView\.enabled is false/,
    );
  });

  test("goes where the agents go", async () => {
    const values = {
      ...ON,
      nodeSelector: { pool: "a" },
      imagePullSecrets: [{ name: "pull" }],
      commonLabels: { team: "x" },
    };
    const manifests = await render({ values });
    const [agents, hosts] = [only(manifests, "DaemonSet", "internode"), hostView(manifests)];
    for (const key of ["nodeSelector", "tolerations", "affinity", "imagePullSecrets", "priorityClassName"] as const)
      expect((hosts.spec.template.spec as unknown as Record<string, unknown>)[key]).toEqual(
        (agents.spec.template.spec as unknown as Record<string, unknown>)[key],
      );
    expect(hosts.spec.template.metadata.labels).toMatchObject({ team: "x" });
  });
});
