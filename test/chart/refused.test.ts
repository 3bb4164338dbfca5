// Values that are possible each by itself, but not together: the message says what is wrong and what to do.
import { describe, expect, test } from "vitest";
import { HELMS, refusal, render, WHY_NO_HELM, WITH_OPERATOR } from "./helm.ts";

interface Wrong {
  readonly what: string;
  readonly values: unknown;
  /** What the message must name: the value, and the cure. */
  readonly says: readonly RegExp[];
}

/** By the templates: each value is possible, but not together. */
const CONTRADICTIONS: readonly Wrong[] = [
  {
    what: "hostNetwork and hostPort",
    values: { hostNetwork: true, hostPort: true },
    says: [/hostNetwork and hostPort are both true/, /Set hostPort to false/],
  },
  {
    what: "the pod network on the host's",
    values: { hostNetwork: true, config: { icmp: { networks: ["pod", "node"] } } },
    says: [/config\.icmp\.networks names pod/, /Leave it out/],
  },
  {
    what: "TCP to a port that no node opens",
    values: { config: { tcp: { networks: ["pod", "node"] } } },
    says: [/config\.tcp\.networks names node/, /Set hostPort to true .*privileged/],
  },
  {
    what: "a host port for nothing",
    values: { hostPort: true, config: { tcp: { networks: ["pod"] }, udp: { networks: ["pod"] } } },
    says: [/open for nothing/, /Set hostPort to false/],
  },
  {
    what: "nothing to measure",
    values: { config: { icmp: { networks: [] }, tcp: { networks: [] }, udp: { networks: [] } } },
    says: [/no peer would be measured/],
  },
  {
    what: "two families and one address",
    values: { config: { families: ["ipv4", "ipv6"] }, service: { ipFamilyPolicy: "SingleStack" } },
    says: [/service\.ipFamilyPolicy SingleStack/, /PreferDualStack/],
  },
  {
    what: "a timeout longer than the interval",
    values: { config: { udp: { timeoutMs: 5000 } } },
    says: [/config\.udp\.timeoutMs is 5000.*intervalMs, which is 5000/, /Set config\.udp\.timeoutMs to at most 4999/],
  },
  {
    what: "one port twice",
    values: { config: { ports: { metrics: 8843 } } },
    says: [/metrics 8843, probe 7843, http 8843/],
  },
  {
    what: "a sample larger than the mesh",
    values: { config: { peers: { sampleSize: 100 } } },
    says: [/config\.peers\.sampleSize is 100.*which is 100/],
  },
  {
    what: "DNS without names",
    values: { config: { dns: { names: [] } } },
    says: [/config\.dns\.names is empty/, /config\.dns\.enabled to false/],
  },
  {
    what: "the API server's Service without the service path",
    values: { config: { servicePath: { enabled: false, apiServer: true } } },
    says: [
      /config\.servicePath\.apiServer is true although config\.servicePath\.enabled is false/,
      /Set config\.servicePath\.enabled to true/,
    ],
  },
  {
    what: "two keys",
    values: { config: { udp: { keyFile: "/x" } }, secrets: { udpKey: { name: "k" } } },
    says: [/both name the key/],
  },
  {
    what: "path MTU in user space",
    values: { config: { engine: "userspace", pathMtu: { enabled: true } } },
    says: [/cannot forbid fragmentation/, /config\.engine to kernel/],
  },
  {
    what: "a grace shorter than the drain",
    values: { terminationGracePeriodSeconds: 10 },
    says: [/terminationGracePeriodSeconds is 10.*drainMs, which is 10000/],
  },
  {
    what: "a request above its limit",
    values: { resources: { limits: { memory: "100Mi" } } },
    says: [
      /resources\.requests\.memory is 128Mi, more than resources\.limits\.memory, which is 100Mi/,
      /raise the limit/,
    ],
  },
  {
    what: "a request above its limit in other units",
    values: { resources: { requests: { cpu: "600m" }, limits: { cpu: 0.5 } } },
    says: [/resources\.requests\.cpu is 600m, more than resources\.limits\.cpu, which is 0\.5/],
  },
  {
    what: "one network twice",
    values: { config: { icmp: { networks: ["pod", "pod"] } } },
    says: [/config\.icmp\.networks names one of its values twice\. Name it once/],
  },
  {
    what: "one address family twice",
    values: { service: { ipFamilies: ["IPv4", "IPv4"] } },
    says: [/service\.ipFamilies names one of its values twice/],
  },
  {
    what: "two families of a single stack",
    values: { service: { ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv4", "IPv6"] } },
    says: [/service\.ipFamilies names two.*PreferDualStack/],
  },
  {
    what: "a family that the Service does not list",
    values: { config: { families: ["ipv4"] }, service: { ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv6"] } },
    says: [/config\.families names ipv4, and service\.ipFamilies only IPv6/],
  },
  {
    what: "a name with quotes and an escape",
    values: { alerts: { overrides: { 'a"\\d': {} } } },
    says: [/alerts\.overrides\.a"\\d is no alert/],
  },
  {
    what: "a name of two lines",
    values: { alerts: { overrides: { "a\nb": {} } } },
    says: [/alerts\.overrides\.a\nb is no alert/],
  },
  {
    what: "a range of groups without the agents'",
    values: { pingGroupRange: "0 1000" },
    says: [/pingGroupRange is 0 1000, which leaves out podSecurity\.runAsGroup, 65532.*Widen it/],
  },
  {
    what: "a range that Linux does not take",
    values: { pingGroupRange: "0 4294967295" },
    says: [/nothing above 2147483647/],
  },
  {
    what: "5 for 5 %",
    values: { alerts: { thresholds: { loss_ratio: 5 } } },
    says: [/alerts\.thresholds\.loss_ratio is 5.*5 % is 0\.05/],
  },
  {
    what: "a negative threshold",
    values: { alerts: { thresholds: { latency_seconds: -1 } } },
    says: [/alerts\.thresholds\.latency_seconds is -1.*from 0 upwards/],
  },
  {
    what: "a pod's address to listen on",
    values: { config: { listen: ["10.0.0.1"] } },
    says: [/config\.listen names 10\.0\.0\.1, but every pod gets an address of its own/, /Leave config\.listen out/],
  },
  {
    what: "an agent that nobody reaches",
    values: { hostNetwork: true, config: { listen: ["127.0.0.1", "::1"] } },
    says: [/config\.listen names 127\.0\.0\.1 and ::1, where no other node/],
  },
  {
    what: "a route without receiver",
    values: { monitoring: { alertmanagerConfig: { enabled: true, route: { groupWait: "1s" } } } },
    says: [/route has no receiver: the operator would drop/],
  },
  {
    what: "a route further below to a receiver that is not there",
    values: {
      monitoring: {
        alertmanagerConfig: {
          enabled: true,
          route: { receiver: "a", routes: [{ receiver: "a", routes: [{ receiver: "b" }] }] },
          receivers: [{ name: "a" }],
        },
      },
    },
    says: [/route\.receiver is b, and no receiver/],
  },
  {
    what: "a group of the shipped rules twice",
    values: { alerts: { extraGroups: [{ name: "internode.loss", rules: [] }] } },
    says: [/alerts\.extraGroups has internode\.loss.*another name/],
  },
  {
    what: "a route to a receiver that is not there",
    values: {
      monitoring: {
        alertmanagerConfig: { enabled: true, route: { receiver: "pager" }, receivers: [{ name: "tickets" }] },
      },
    },
    says: [/route\.receiver is pager, and no receiver/],
  },
  {
    what: "too little memory",
    values: { resources: { requests: { memory: "32Mi" }, limits: { memory: "64Mi" } } },
    says: [/resources\.limits\.memory is 64Mi/, /at least 96Mi/],
  },
  {
    what: "another name by label",
    values: { podLabels: { "app.kubernetes.io/name": "x" } },
    says: [/has app\.kubernetes\.io\/name/, /nameOverride/],
  },
  {
    what: "an annotation that another value sets",
    values: { monitoring: { scrapeAnnotations: true }, podAnnotations: { "prometheus.io/port": "1" } },
    says: [/podAnnotations has prometheus\.io\/port, which monitoring\.scrapeAnnotations sets\. Remove it/],
  },
  {
    what: "a threshold with a name that is a broken pattern",
    values: { alerts: { thresholds: { "loss(": 1 } } },
    says: [/alerts\.thresholds\.loss\( is no threshold/],
  },
  {
    what: "a service account without name",
    values: { serviceAccount: { create: false } },
    says: [/serviceAccount\.name is empty/],
  },
  {
    what: "a priority class of Kubernetes' own",
    values: { priorityClass: { create: false, name: "system-node-critical" } },
    says: [/system-node-critical in namespace monitoring/, /priorityClass\.create/],
  },
  {
    what: "creating a priority class of Kubernetes' own",
    values: { priorityClass: { name: "system-mesh" } },
    says: [/cannot be created/],
  },
];

describe.skipIf(HELMS.length === 0)(`values that are refused (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`, () => {
  const saying = async ({ values }: Wrong) => refusal({ ...WITH_OPERATOR, values });

  test.for(CONTRADICTIONS)("by the templates: $what", async (wrong) => {
    const message = await saying(wrong);
    for (const part of wrong.says) expect(message).toMatch(part);
  });

  test("all contradictions are told at once", async () => {
    const message = await refusal({
      values: { hostPort: true, hostNetwork: true, terminationGracePeriodSeconds: 5, config: { dns: { names: [] } } },
    });
    expect(message!.match(/^ {2}- /gm)).toHaveLength(3);
  });

  test("system-node-critical is fine in kube-system", async () => {
    expect(
      await render({
        namespace: "kube-system",
        values: { priorityClass: { create: false, name: "system-node-critical" } },
      }),
    ).not.toEqual([]);
  });
});
