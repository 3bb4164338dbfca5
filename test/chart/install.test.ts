// The default install, object by object, and what each group of values changes in it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  CHART,
  HELMS,
  notes,
  only,
  render,
  WHY_NO_HELM,
  WITH_OPERATOR,
  type Rendering,
  headlessService,
  servicePathService,
} from "./helm.ts";
import type { Container, DaemonSet, PodSpec } from "./kinds.ts";

const daemonSet = async (rendering: Rendering = {}): Promise<DaemonSet> => only(await render(rendering), "DaemonSet");
const podSpec = async (values: unknown): Promise<PodSpec> => (await daemonSet({ values })).spec.template.spec;
const agent = async (values: unknown): Promise<Container> => (await podSpec(values)).containers[0]!;
const configOf = async (values: unknown): Promise<unknown> =>
  JSON.parse(only(await render({ values }), "ConfigMap", "internode").data["config.json"]!);

describe.skipIf(HELMS.length === 0)(`the default install (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`, () => {
  test("consists of these objects and no others", async () => {
    const kinds = (await render()).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(kinds.filter((kind) => !kind.startsWith("ConfigMap internode-dashboard")).sort()).toEqual([
      "ConfigMap internode",
      "ConfigMap internode-test",
      "DaemonSet internode",
      "NetworkPolicy internode",
      "Pod internode-test",
      "PriorityClass monitoring.internode",
      "Role internode",
      "RoleBinding internode",
      "Service internode",
      "Service internode-agents",
      "ServiceAccount internode",
    ]);
  });

  test("may read EndpointSlices of its own namespace, and nothing else", async () => {
    const manifests = await render();
    expect(only(manifests, "Role")).toMatchObject({
      rules: [{ apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] }],
      metadata: { namespace: "monitoring" },
    });
    expect(only(manifests, "RoleBinding")).toMatchObject({
      roleRef: { kind: "Role", name: "internode" },
      subjects: [{ kind: "ServiceAccount", name: "internode", namespace: "monitoring" }],
    });
    expect(manifests.filter(({ kind }) => kind.startsWith("Cluster"))).toEqual([]);
  });

  test("finds its peers through a headless Service that lists agents that are not ready, in both families", async () => {
    const manifests = await render();
    const { selector } = only(manifests, "DaemonSet").spec;
    expect(headlessService(manifests)).toMatchObject({
      spec: {
        clusterIP: "None",
        publishNotReadyAddresses: true,
        ipFamilyPolicy: "PreferDualStack",
        selector: selector.matchLabels,
      },
    });
  });

  test("probes the service path through a Service of its own, behind which are the agents that are ready", async () => {
    const manifests = await render({ namespace: "net" });
    const { selector } = only(manifests, "DaemonSet").spec;
    const service = servicePathService(manifests);
    expect(service).toMatchObject({
      metadata: { name: "internode-agents", namespace: "net" },
      spec: {
        type: "ClusterIP",
        ipFamilyPolicy: "PreferDualStack",
        selector: selector.matchLabels,
        ports: [{ name: "probe", port: 7843, targetPort: "probe", protocol: "TCP" }],
      },
    });
    expect(service.spec).not.toHaveProperty("publishNotReadyAddresses");
    expect(await configOf({})).toMatchObject({ servicePath: { hosts: [service.metadata.name] } });
  });

  test("makes no Service for the service path when it is not to be probed", async () => {
    const manifests = await render({ values: { config: { servicePath: { enabled: false } } } });
    expect(() => servicePathService(manifests)).toThrow("0 objects of kind Service");
  });

  test("runs as nobody, without capabilities, on a read-only root, with ICMP by the safe sysctl", async () => {
    const { securityContext, containers, hostNetwork, enableServiceLinks } = await podSpec({});
    expect(securityContext).toEqual({
      runAsNonRoot: true,
      runAsUser: 65532,
      runAsGroup: 65532,
      seccompProfile: { type: "RuntimeDefault" },
      sysctls: [{ name: "net.ipv4.ping_group_range", value: "0 2147483647" }],
    });
    expect(containers[0]!.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect({ hostNetwork, enableServiceLinks }).toEqual({ hostNetwork: undefined, enableServiceLinks: false });
  });

  test("tolerates every taint, but asks for Linux on amd64 or arm64", async () => {
    const { tolerations, affinity } = await podSpec({});
    expect(tolerations).toEqual([{ operator: "Exists" }]);
    const [term, ...others] = affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms;
    expect(others).toEqual([]);
    expect(term!.matchExpressions.slice(0, 2)).toEqual([
      { key: "kubernetes.io/os", operator: "In", values: ["linux"] },
      { key: "kubernetes.io/arch", operator: "In", values: ["amd64", "arm64"] },
    ]);
  });

  test("has no CPU limit, and a heap that fits the memory limit", async () => {
    const { resources, env } = await agent({});
    expect(resources).toEqual({ requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: "256Mi" } });
    expect(env.find(({ name }) => name === "NODE_OPTIONS")?.value).toBe("--max-old-space-size=153");
  });

  test.for([
    ["1Gi", 614],
    ["200M", 114],
    ["0.5Gi", 307],
    [268_435_456, 153],
    ["300000000", 171],
    ["300000000000m", 171],
  ] as const)("a memory limit of %s gives V8 %i MiB", async ([memory, mebibytes]) => {
    expect((await agent({ resources: { limits: { memory } } })).env).toContainEqual({
      name: "NODE_OPTIONS",
      value: `--max-old-space-size=${mebibytes}`,
    });
  });

  test("without a memory limit V8 decides itself", async () => {
    for (const limits of [{ memory: null }, null, {}]) {
      const { env, resources } = await agent({ resources: { limits } });
      const isUnlimited = resources.limits?.["memory"] === undefined;
      expect(env.some(({ name }) => name === "NODE_OPTIONS")).toBe(!isUnlimited);
      // An empty map adds nothing to the chart's own; null takes it away.
      expect(isUnlimited).toBe(limits === null || "memory" in limits);
    }
  });

  test("tells the agent and every command in its pod by the environment which configuration is theirs", async () => {
    const { args, env, volumeMounts } = await agent({});
    expect(args).toEqual(["agent"]);
    const file = env.find(({ name }) => name === "INTERNODE_CONFIG")!.value!;
    expect(volumeMounts.map(({ mountPath }) => mountPath)).toContain(file);
  });

  test("gives an ending agent longer than it drains", async () => {
    expect((await podSpec({})).terminationGracePeriodSeconds).toBe(30);
  });

  test("two releases of one name in two namespaces share no object of the cluster", async () => {
    const classes = await Promise.all(
      ["a", "b"].map(async (namespace) => only(await render({ namespace }), "PriorityClass").metadata.name),
    );
    expect(classes).toEqual(["a.internode", "b.internode"]);
  });

  test("another configuration replaces the pods, another release note does not", async () => {
    const checksum = async (values: unknown) =>
      (await daemonSet({ values })).spec.template.metadata.annotations["checksum/config"];
    expect(await checksum({ config: { logLevel: "debug" } })).not.toBe(await checksum({}));
    expect(await checksum({ expectedNodes: 7, commonLabels: { a: "b" } })).toBe(await checksum({}));
  });

  test("keeps service meshes from putting a proxy between the agents", async () => {
    const { labels, annotations } = (await daemonSet()).spec.template.metadata;
    expect(labels).toMatchObject({ "sidecar.istio.io/inject": "false", "istio.io/dataplane-mode": "none" });
    expect(annotations).toMatchObject({ "linkerd.io/inject": "disabled" });
  });

  test("the pod of helm test is restricted, is removed when it has passed, and is no peer", async () => {
    const manifests = await render();
    const pod = only(manifests, "Pod");
    expect(pod.metadata.annotations).toMatchObject({
      "helm.sh/hook": "test",
      "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
    });
    expect(pod.spec).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: "RuntimeDefault" } },
    });
    expect(pod.spec.containers[0]!.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(only(await render({ values: { commonLabels: { team: "network" } } }), "Pod").metadata.labels).toMatchObject({
      team: "network",
    });
    expect(pod.spec.containers[0]!.image).toBe((await agent({})).image);
    expect(only(manifests, "ConfigMap", "internode-test").data["mesh.mjs"]!.trim()).toBe(
      readFileSync(join(CHART, "files/test/mesh.mjs"), "utf8").trim(),
    );
    const { matchLabels } = only(manifests, "DaemonSet").spec.selector;
    expect(Object.entries(matchLabels).every(([key, value]) => pod.metadata.labels![key] === value)).toBe(false);
  });
});

describe.skipIf(HELMS.length === 0)("the pod of helm test", () => {
  // A dead node has the most room: with the agents' tolerations the scheduler would like it best, and the test would hang.
  test("is not put on a node that is dead or cordoned, but on one with a taint that the values name", async () => {
    const named = { key: "dedicated", operator: "Exists" };
    const tolerationsOf = async (values: object) => only(await render({ values }), "Pod").spec.tolerations;
    expect(await tolerationsOf({})).toBeUndefined();
    expect(await tolerationsOf({ tolerations: [{ operator: "Exists", effect: "NoSchedule" }, named] })).toEqual([
      named,
    ]);
  });
});

describe.skipIf(HELMS.length === 0)("variants of the install", () => {
  test("hostPort opens the probe port of both protocols and measures them over the node network", async () => {
    const { ports } = await agent({ hostPort: true });
    expect(ports.filter(({ hostPort }) => hostPort === 7843).map(({ name }) => name)).toEqual(["probe", "probe-udp"]);
    expect(await configOf({ hostPort: true })).toMatchObject({
      tcp: { networks: ["pod", "node"] },
      udp: { networks: ["pod", "node"] },
    });
    expect(only(await render({ values: { hostPort: true } }), "NetworkPolicy")["spec"]).toMatchObject({
      ingress: expect.arrayContaining([
        {
          ports: [
            { port: 7843, protocol: "TCP" },
            { port: 7843, protocol: "UDP" },
          ],
        },
      ]) as unknown,
    });
    expect(await notes({ values: { hostPort: true } })).toMatch(/needs the level `privileged` for hostPort\.\n/);
  });

  test("hostNetwork measures the node network only, binds to the InternalIPs, and sets no sysctl", async () => {
    const values = { hostNetwork: true };
    const spec = await podSpec(values);
    expect(spec).toMatchObject({ hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" });
    expect(spec.securityContext.sysctls).toBeUndefined();
    expect(spec.containers[0]!.env).toContainEqual({ name: "INTERNODE_LISTEN", value: "$(HOST_IPS),127.0.0.1" });
    const names = spec.containers[0]!.env.map(({ name }) => name);
    // Kubernetes expands only what stands before.
    expect(names.indexOf("HOST_IPS")).toBeLessThan(names.indexOf("INTERNODE_LISTEN"));
    expect(await configOf(values)).toMatchObject({
      icmp: { networks: ["node"] },
      tcp: { networks: ["node"] },
      udp: { networks: ["node"] },
    });
    expect((await render({ values })).map(({ kind }) => kind)).not.toContain("NetworkPolicy");
    expect(await notes({ values })).toMatch(/pod network {2}nothing/);
    expect(await notes({ values })).toMatch(/bound to the nodes' InternalIPs/);
    expect(await notes({ values: { ...values, config: { listen: ["0.0.0.0"] } } })).toMatch(
      /bound to 0\.0\.0\.0 and must be open/,
    );
  });

  test("an empty config is none, with Secrets too", async () => {
    const values = { config: null, secrets: { udpKey: { name: "k" } } };
    expect(await configOf(values)).toMatchObject({ udp: { keyFile: "/etc/internode/udp-key/key" } });
  });

  test("engine userspace runs as root with the one capability, unless ICMP is off", async () => {
    const values = { config: { engine: "userspace" } };
    expect((await podSpec(values)).securityContext).toMatchObject({ runAsNonRoot: false, runAsUser: 0 });
    expect((await podSpec({ ...values, podSecurity: { fsGroup: 2000 } })).securityContext).toMatchObject({
      runAsUser: 0,
      fsGroup: 2000,
    });
    expect((await agent(values)).securityContext.capabilities).toEqual({ drop: ["ALL"], add: ["NET_RAW"] });
    expect(await notes({ values })).toMatch(/needs the level `privileged` for the raw sockets.*NET_RAW/);
    expect(
      (await agent({ config: { engine: "userspace", icmp: { networks: [] } } })).securityContext.capabilities,
    ).toEqual({ drop: ["ALL"] });
  });

  test("a volume of the node's needs the namespace's level said, too", async () => {
    expect(await notes({ values: { extraVolumes: [{ name: "host", hostPath: { path: "/" } }] } })).toMatch(
      /needs the level `privileged` for hostPath in extraVolumes/,
    );
    expect(await notes({ values: { extraVolumes: [{ name: "hostPath", emptyDir: {} }] } })).not.toMatch(/privileged/);
  });

  test("OpenShift chooses the user itself", async () => {
    const { securityContext } = await podSpec({ podSecurity: { runAsUser: null, runAsGroup: null } });
    expect(securityContext).not.toHaveProperty("runAsUser");
    expect(securityContext).not.toHaveProperty("runAsGroup");
    expect(securityContext.runAsNonRoot).toBe(true);
  });

  test("secrets are mounted where the configuration points", async () => {
    const values = { secrets: { udpKey: { name: "k", key: "password" } } };
    expect(await configOf(values)).toMatchObject({ udp: { keyFile: "/etc/internode/udp-key/password" } });
    const { volumes, containers } = await podSpec(values);
    expect(volumes).toEqual(
      expect.arrayContaining([
        {
          name: "udp-key",
          secret: { secretName: "k", defaultMode: 0o644, items: [{ key: "password", path: "password" }] },
        },
      ]),
    );
    expect(containers[0]!.volumeMounts.map(({ mountPath }) => mountPath)).toEqual([
      "/etc/internode/config.json",
      "/etc/internode/udp-key",
    ]);
  });

  test.for([
    {},
    { hostPort: true },
    { hostNetwork: true },
    { monitoring: { scrapeAnnotations: true } },
    { monitoring: { serviceMonitor: { enabled: true } } },
  ])("other ports reach everything that names a port, with %j", async (more) => {
    const values = { ...more, config: { ports: { metrics: 19_843, probe: 17_843, http: 18_843 } } };
    const manifests = (await render({ ...WITH_OPERATOR, values })).filter(
      ({ kind, metadata }) => kind !== "PrometheusRule" && !metadata.name.includes("dashboard"),
    );
    const text =
      JSON.stringify(
        manifests.map(({ data, ...manifest }) => ({
          ...manifest,
          config: (data as Record<string, string> | undefined)?.["config.json"],
        })),
      ) + (await notes({ values }));
    expect(text.match(/.{0,40}\b[789]843\b.{0,40}/g)).toBeNull();
    expect(text).toMatch(/\b19843\b.*\b17843\b|\b17843\b.*\b19843\b/);
  });

  test("an empty list of networks switches a protocol off rather than back to its default", async () => {
    expect(await configOf({ hostPort: true, config: { udp: { networks: [] } } })).toMatchObject({
      udp: { networks: [] },
    });
  });

  test("a long release name stays within what a Service and a label may hold", async () => {
    const manifests = await render({ release: "a-release-name-of-fifty-three-characters-precisely-ok" });
    const names = [
      headlessService(manifests).metadata.name,
      servicePathService(manifests).metadata.name,
      ...manifests.flatMap(({ metadata }) => Object.values(metadata.labels ?? {})),
    ];
    expect(names.filter((name) => name.length > 63)).toEqual([]);
    expect(
      new Set(manifests.filter(({ kind }) => kind === "ConfigMap").map(({ metadata }) => metadata.name)).size,
    ).toBe(manifests.filter(({ kind }) => kind === "ConfigMap").length);
  });
});
