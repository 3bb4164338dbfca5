// The chart's own values: types, defaults and what is said of each, in one place. values.yaml, values.schema.json and
// the table in the chart's README are written from here; the agent's own options join as `config`.
import { z } from "zod";
import { MONITORING } from "./monitoring.ts";
import { REPOSITORY, REPOSITORY_SAYS } from "../image/name.ts";
import { cidr, flag, mapOfStrings, objectName, objects, text } from "./types.ts";

const quantity = z.union([z.string().regex(/^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/), z.number().positive()]);
interface Quantities {
  readonly value: Readonly<Record<string, string>>;
  readonly says: string;
}
const resources = ({ requests, limits }: { readonly requests: Quantities; readonly limits: Quantities }) =>
  z
    .strictObject({
      requests: z.record(z.string(), quantity).default(requests.value).describe(requests.says),
      limits: z.record(z.string(), quantity).default(limits.value).describe(limits.says),
    })
    .prefault({});
/** Empty text too: Helm 4 ignores a null in the values of a chart above this one. */
const platformId = <T extends z.ZodType>(id: T) => z.union([id, z.literal(""), z.null()]);
const secretKey = (key: string, what: string, otherwise = "none") =>
  z
    .strictObject({
      name: objectName.default("").describe(`Secret of the same namespace with ${what}. Empty: ${otherwise}.`),
      key: z
        .string()
        .regex(/^[A-Za-z0-9._-]+$/)
        .default(key)
        .describe("Key within the Secret."),
    })
    .prefault({});

export const valuesSchema = z.strictObject({
  global: z
    .looseObject({
      imageRegistry: text.default("").describe("Registry of all images; wins over `image.registry`."),
      imagePullSecrets: z
        .array(z.union([objectName.min(1), z.looseObject({ name: objectName.min(1) })]))
        .default([])
        .describe("Pull secrets of all pods, besides `imagePullSecrets`: names, or `[{name: …}]`."),
    })
    .prefault({})
    .describe("Shared with other charts of one umbrella; what else is in it is not read."),

  image: z
    .strictObject({
      registry: text
        .regex(/^([^\s/@]+(\/[^\s/@]+)*)?$/)
        .default("")
        .describe("Registry, with a path where there is one: stands before the repository. Empty: none is put there."),
      repository: z
        .string()
        .regex(/^([^\s/@]+\/)*[^\s/:@]+$/)
        .default(REPOSITORY)
        .describe(REPOSITORY_SAYS),
      tag: z
        .string()
        .regex(/^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$/)
        .default("")
        .describe("Empty: the chart's appVersion."),
      digest: z
        .string()
        .regex(/^(sha256:[0-9a-f]{64})?$/)
        .default("")
        .describe("`sha256:…`; wins over the tag."),
      pullPolicy: z
        .enum(["Always", "IfNotPresent", "Never"])
        .default("IfNotPresent")
        .describe("When the kubelet pulls."),
    })
    .prefault({}),
  imagePullSecrets: z
    .array(z.strictObject({ name: objectName.min(1) }))
    .default([])
    .describe("Secrets of a private registry: `[{name: …}]`."),
  nameOverride: objectName.max(63).default("").describe("Replaces the chart's name in names and labels."),
  fullnameOverride: objectName.max(63).default("").describe("Replaces the whole name of every object."),

  config: z
    .record(z.string(), z.unknown())
    .default({})
    .describe(
      "Options of the agent by their path, as docs/configuration.md lists them: `{icmp: {intervalMs: 2000}}`. What the chart decides itself (`node`, `discovery.kind` …) is no option here.",
    ),
  expectedNodes: z
    .int()
    .min(0)
    .max(5_000)
    .default(0)
    .describe(
      "Nodes that will run an agent, for the figures in the notes and for `helm test`. 0: count them in the cluster where helm may, and let the agents tell.",
    ),
  askCluster: flag
    .default(true)
    .describe(
      "Let templates look up nodes, the namespace's Pod Security level and the Prometheus resources, for checks and notes only: no object depends on it. False for installers that may read nothing outside of their namespace.",
    ),

  hostPort: flag
    .default(false)
    .describe(
      "Open the probe port on every node too, so that TCP and UDP are measured over the node network. Needs a namespace at the Pod Security level `privileged`.",
    ),
  hostNetwork: flag
    .default(false)
    .describe(
      "Run in the nodes' own network: only `network=\"node\"` is measured then, and the ports are bound to the nodes' InternalIPs. Needs a namespace at the Pod Security level `privileged`.",
    ),
  hostView: z
    .strictObject({
      enabled: flag
        .default(false)
        .describe(
          "Run a second DaemonSet in the nodes' own network, without any capability, that tells the agents interfaces, routes, neighbours, counters and sockets of the nodes (docs/host-view.md). Needs a namespace at the Pod Security level `privileged`.",
        ),
      resources: resources({
        requests: { value: { cpu: "10m", memory: "64Mi" }, says: "What the scheduler keeps free." },
        limits: { value: { memory: "160Mi" }, says: "It reads only when it is asked." },
      }),
    })
    .prefault({}),
  pingGroupRange: z
    .string()
    .regex(/^(\d+ \d+)?$/)
    .default("0 2147483647")
    .describe(
      "Sysctl net.ipv4.ping_group_range of the pod: lets the agent open ICMP sockets without any capability. Empty: leave it to the runtime. Never set with hostNetwork, where the node's own range counts.",
    ),

  commonLabels: mapOfStrings.default({}).describe("Labels added to every object, pods included."),
  commonAnnotations: mapOfStrings
    .default({})
    .describe("Annotations added to every object, but not to the agents' pods."),
  podLabels: mapOfStrings.default({}).describe("Labels added to the agents' pods."),
  podAnnotations: mapOfStrings.default({}).describe("Annotations added to the agents' pods."),
  env: z
    .array(z.looseObject({ name: z.string().min(1), value: z.string().optional() }))
    .default([])
    .describe("Environment variables added to the agent. Options of the agent belong in `config`."),
  envFrom: objects
    .default([])
    .describe(
      "Sources of further variables: `[{configMapRef: {name: …}}]`, `[{secretRef: {name: …}}]`. The chart cannot see what they hold, so options of the agent belong in `config`.",
    ),
  extraVolumes: z
    .array(z.looseObject({ name: z.string().min(1) }))
    .default([])
    .describe("Volumes added to the pods."),
  extraVolumeMounts: z
    .array(z.looseObject({ name: z.string().min(1), mountPath: z.string().min(1) }))
    .default([])
    .describe("Mounts added to the agent's container."),
  extraManifests: z
    .array(z.union([z.string(), z.record(z.string(), z.unknown())]))
    .default([])
    .describe("Further objects of the release; templates within are rendered."),
  secrets: z
    .strictObject({
      udpKey: secretKey("key", "the shared key of authenticated UDP probes"),
      token: secretKey(
        "token",
        "the token that actions (`config.actions.enabled`) and the host view ask for",
        "the chart makes one, and keeps it over upgrades; renders without a cluster (GitOps) make another each time",
      ),
    })
    .prefault({}),

  resources: resources({
    requests: { value: { cpu: "50m", memory: "128Mi" }, says: "What the scheduler keeps free." },
    limits: {
      value: { memory: "256Mi" },
      says: "No CPU limit: throttling starves the agent and shows as loss. The memory limit bounds V8's heap too.",
    },
  }),
  heapPercent: z
    .int()
    .min(10)
    .max(80)
    .default(60)
    .describe(
      "Share of the memory limit that V8's old space may take (`--max-old-space-size`); the rest is for packets and code.",
    ),
  podSecurity: z
    .strictObject({
      runAsUser: platformId(z.int().min(1))
        .default(65_532)
        .describe("Null or `''`: the platform chooses (OpenShift). Engine `userspace` with ICMP runs as root."),
      runAsGroup: platformId(z.int().min(0))
        .default(65_532)
        .describe("Null or `''`: the platform chooses (OpenShift)."),
      fsGroup: platformId(z.int().min(0))
        .default(null)
        .describe("Group of mounted volumes, where a Secret must be readable."),
    })
    .prefault({}),

  priorityClass: z
    .strictObject({
      create: flag
        .default(true)
        .describe("Create a PriorityClass of this release's own, so that full nodes get an agent too."),
      name: objectName
        .default("")
        .describe(
          "Its name, or with `create: false` that of an existing one. Empty: namespace and name of the release, or none.",
        ),
      value: z
        .int()
        .min(-2_147_483_648)
        .max(1_000_000_000)
        .default(100_000_000)
        .describe("Priority of the agents. Kubernetes keeps it: to change it later, give the class another name too."),
      preemptionPolicy: z
        .enum(["PreemptLowerPriority", "Never"])
        .default("PreemptLowerPriority")
        .describe(
          "`PreemptLowerPriority`: on a full node a pod of lower priority is evicted for the agent. `Never`: nothing is evicted, and a full node stays without an agent until there is room. Kubernetes keeps this too.",
        ),
    })
    .prefault({}),
  runtimeClassName: objectName
    .default("")
    .describe(
      "RuntimeClass of the agents. Empty: the cluster's default. A sandbox (gVisor, Kata) is measured along with the network.",
    ),
  dnsPolicy: z
    .enum(["", "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"])
    .default("")
    .describe("Empty: `ClusterFirst`, and `ClusterFirstWithHostNet` with hostNetwork."),
  dnsConfig: z
    .record(z.string(), z.unknown())
    .default({})
    .describe("`nameservers`, `searches` and `options` of the pods. The agents measure the DNS servers named here."),
  dnsPods: z
    .strictObject({
      enabled: flag
        .default(false)
        .describe(
          "Ask each pod behind cluster DNS for itself too: adds a headless Service over them, in their namespace.",
        ),
      namespace: objectName.min(1).default("kube-system").describe("Where they are: `openshift-dns` on OpenShift."),
      selector: mapOfStrings
        .default({ "k8s-app": "kube-dns" })
        .describe(
          "Their labels: `dns.operator.openshift.io/daemonset-dns: default` on OpenShift, with `k8s-app: null`.",
        ),
      port: z
        .union([z.int().min(1).max(65_535), z.string().regex(/^[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/)])
        .default("dns")
        .describe("Port that they answer at: its name in their containers, or a number."),
    })
    .prefault({}),
  tolerations: objects
    .default([{ operator: "Exists" }])
    .describe(
      "Every taint is tolerated: a mesh with holes misleads. The pod of `helm test` gets only those that name a key.",
    ),
  nodeSelector: mapOfStrings.default({}).describe("Only nodes with these labels get an agent."),
  affinity: z
    .strictObject({
      nodeAffinity: z.record(z.string(), z.unknown()).optional(),
      podAffinity: z.record(z.string(), z.unknown()).optional(),
      podAntiAffinity: z.record(z.string(), z.unknown()).optional(),
    })
    .default({})
    .describe(
      "Affinity of the pods. The chart's own conditions (Linux, amd64 or arm64, no virtual node) join every required term of `nodeAffinity`.",
    ),
  updateStrategy: z
    .strictObject({
      type: z.enum(["RollingUpdate", "OnDelete"]).default("RollingUpdate").describe("How a change reaches the pods."),
      maxUnavailable: z
        .union([z.int().min(1), z.string().regex(/^([1-9][0-9]?|100)%$/)])
        .default("34%")
        .describe(
          "Agents replaced at once. A dead node's pod never ends and takes one of these places: where there is no other, a rollout waits for that node for ever. Kubernetes rounds up, so with this there are two from three nodes on; a mesh of two nodes needs 2.",
        ),
    })
    .prefault({}),
  revisionHistoryLimit: z
    .int()
    .min(0)
    .default(10)
    .describe("Old revisions of the DaemonSet that are kept for `kubectl rollout undo`."),
  minReadySeconds: z
    .int()
    .min(0)
    .max(600)
    .default(5)
    .describe("A new agent must have been ready for this long before the next is replaced."),
  terminationGracePeriodSeconds: z
    .int()
    .min(0)
    .max(600)
    .default(30)
    .describe("Longer than `config.shutdown.drainMs`, during which an ending agent goes on reflecting."),

  serviceAccount: z
    .strictObject({
      create: flag.default(true).describe("Create the service account."),
      name: objectName.default("").describe("Its name, or with `create: false` that of an existing one."),
      annotations: mapOfStrings.default({}).describe("Annotations of the service account."),
    })
    .prefault({}),
  rbac: z
    .strictObject({
      create: flag
        .default(true)
        .describe("Create a Role that may read EndpointSlices in this namespace, and nothing else."),
      openshiftScc: objectName
        .default("")
        .describe(
          "OpenShift: let the agents use this SecurityContextConstraints by a RoleBinding, such as `hostnetwork-v2` for hostPort or hostNetwork. Empty: none.",
        ),
    })
    .prefault({}),
  service: z
    .strictObject({
      annotations: mapOfStrings.default({}).describe("Annotations of the headless Service, which lists the agents."),
      ipFamilyPolicy: z
        .enum(["SingleStack", "PreferDualStack", "RequireDualStack"])
        .default("PreferDualStack")
        .describe(
          "Dual-stack clusters list both addresses of every agent. Of the Service that the service path is probed with, too: every address family that it gets is probed.",
        ),
      ipFamilies: z
        .array(z.enum(["IPv4", "IPv6"]))
        .max(2)
        .default([])
        .describe("Empty: as the cluster prefers."),
    })
    .prefault({}),
  networkPolicy: z
    .strictObject({
      enabled: flag
        .default(true)
        .describe(
          "Admit everything from the other agents (no ports are listed, so that ICMP passes), and the metrics port from `metricsFrom`. Not rendered with hostNetwork, where policies do not apply.",
        ),
      flavor: z
        .enum(["kubernetes", "cilium"])
        .default("kubernetes")
        .describe(
          "`kubernetes`: a NetworkPolicy. `cilium`: a CiliumNetworkPolicy, which can name nodes and the API server without their addresses; peers and rules below are then Cilium's.",
        ),
      metricsFrom: objects
        .default([])
        .describe(
          "Who may read the metrics port: peers, such as `[{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]`, or with Cilium `[{fromEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: monitoring}}]}]`. Empty: anyone.",
        ),
      extraIngress: objects.default([]).describe("Further ingress rules."),
      egress: z
        .strictObject({
          enabled: flag
            .default(false)
            .describe(
              "Limit what agents may send, too: to each other, to DNS servers, to the API server, and to the nodes where the node network is measured.",
            ),
          nodes: z
            .array(cidr)
            .default([])
            .describe(
              "CIDRs of the nodes' addresses. Needed while the node network is measured; with Cilium it is not.",
            ),
          apiServer: z
            .array(cidr)
            .default([])
            .describe("CIDRs of the API server. Empty: any address, and with Cilium the API server by its name."),
          apiServerPorts: z
            .array(z.int().min(1).max(65_535))
            .min(1)
            .default([443, 6443])
            .describe("Ports of the API server: those of its Service and of its endpoints."),
          dnsPorts: z
            .array(z.int().min(1).max(65_535))
            .min(1)
            .default([53, 5353])
            .describe(
              "Ports of the DNS servers: that of their Service, and those where their pods listen (5353 on OpenShift). Most CNIs judge a packet once the address of the Service has become that of a pod.",
            ),
          extra: objects.default([]).describe("Further egress rules."),
        })
        .prefault({}),
    })
    .prefault({}),

  ...MONITORING,
  tests: z
    .strictObject({
      enabled: flag
        .default(true)
        .describe(
          "The pod of `helm test`, and the ConfigMap with what it runs. Nothing runs before `helm test` is called.",
        ),
      resources: resources({
        requests: { value: { cpu: "50m", memory: "64Mi" }, says: "What the scheduler keeps free for that pod." },
        limits: { value: { memory: "256Mi" }, says: "What it may take at most." },
      }),
    })
    .prefault({}),

  enabled: flag.optional().describe("Condition of an umbrella chart (`condition: internode.enabled`); not read."),
});

export type Values = z.infer<typeof valuesSchema>;
