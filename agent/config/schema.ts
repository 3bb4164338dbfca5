// The one schema of the agent's configuration: types, validation, the chart's values and the option table in the
// docs all come from here. Descriptions are for the person who reads that table.
import * as z from "zod";
import { IP_FAMILIES, NETWORKS, type Protocol } from "../model/peer.ts";
import { byProtocol, descriptorOf, type PROTOCOL_TABLE } from "../probes/protocols.ts";
import { LIMITS } from "./limits.ts";

const milliseconds = (min: number, max: number) => z.int().min(min).max(max);
const port = z.int().min(1).max(65_535);
const flag = z.boolean();
const path = z.string().min(1);
export const ip = z.union([z.ipv4(), z.ipv6()]);
/** `10.0.0.1`, `10.0.0.0/8`, `fd00::/8` */
const ipOrRange = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]);
const NAME_TITLE = "a name of letters, digits, '-', '_' and '.', at most 253 characters";
/** Names become labels, slot keys and parts of URLs: letters, digits, '-', '_' and '.' as in Kubernetes' own names. */
export const nodeName = z
  .string()
  .max(253)
  .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/)
  .meta({ title: NAME_TITLE });
/** `""` is no zone. A label value of Kubernetes. */
export const zoneName = z
  .string()
  .regex(/^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$/)
  .max(253)
  .meta({ title: NAME_TITLE });
/** As DNS can carry it: parts of 1 to 63 characters between dots, with or without the last dot. */
const dnsName = z
  .string()
  .max(254)
  .regex(/^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?$/)
  .meta({ title: "a DNS name: parts of 1 to 63 letters, digits, '-' or '_' between dots" });
const serviceHost = z.union([dnsName, ip]).meta({ title: "a DNS name or an IP address" });
/** A name of Kubernetes that is one part of a DNS name (RFC 1123). */
const dnsLabel = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/)
  .meta({ title: "a name of lower-case letters, digits and '-', at most 63 characters" });

const timing = (intervalMs: number, timeoutMs: number) => ({
  intervalMs: milliseconds(LIMITS.minIntervalMs, 3_600_000)
    .default(intervalMs)
    .describe("Milliseconds between two probes of a slot."),
  timeoutMs: milliseconds(10, 60_000)
    .default(timeoutMs)
    .describe("A probe without an answer after this many milliseconds has failed. Less than the interval."),
});

/** Where a protocol is probed: a list of networks, possibly none. */
const networks = (on: readonly (typeof NETWORKS)[number][]) =>
  z
    .array(z.enum(NETWORKS))
    .default([...on])
    .describe("Networks this protocol is probed on: `pod`, `node`, both, or none to switch it off.");

type CommonShape = ReturnType<typeof timing> & { readonly networks: ReturnType<typeof networks> };
type ProtocolShape<P extends Protocol> = (typeof PROTOCOL_TABLE)[P]["options"] extends infer Own extends z.ZodRawShape
  ? CommonShape & Own
  : never;

/** The options of each protocol, as its descriptor has them. */
const pairProtocols = byProtocol((protocol) => {
  const { defaults, options } = descriptorOf(protocol);
  const common = { networks: networks(defaults.networks), ...timing(defaults.intervalMs, defaults.timeoutMs) };
  return z.strictObject({ ...common, ...options }).prefault({});
}) as unknown as { readonly [P in Protocol]: z.ZodPrefault<z.ZodObject<ProtocolShape<P>, z.core.$strict>> };

export const configSchema = z.strictObject({
  node: z.strictObject({
    name: nodeName.describe("Name of the node this agent runs on (downward API `spec.nodeName`)."),
    zone: zoneName
      .default("")
      .describe("Zone of this node for static discovery; with Kubernetes it comes from the EndpointSlices."),
    podAddresses: z
      .array(ip)
      .default([])
      .describe("This agent's pod addresses (downward API `status.podIPs`), primary first."),
    nodeAddresses: z
      .array(ip)
      .default([])
      .describe("This node's InternalIPs (downward API `status.hostIPs`), primary first."),
  }),
  discovery: z
    .discriminatedUnion("kind", [
      z.strictObject({
        kind: z.literal("kubernetes"),
        namespace: dnsLabel.describe("Namespace of the headless Service."),
        service: dnsLabel.describe("The headless Service whose EndpointSlices list the agents."),
        idleTimeoutMs: milliseconds(5_000, 600_000)
          .default(120_000)
          .describe("A watch that brings no byte for this long is given up and begun again."),
      }),
      z.strictObject({
        kind: z.literal("static"),
        file: path.describe("JSON file that lists the nodes (docs/static-mesh.md); read again when it changes."),
        allowLoopback: flag
          .default(false)
          .describe("Probe peers at loopback addresses too: for agents of one machine's lab only."),
      }),
    ])
    .describe("Where the peers come from."),
  peers: z
    .strictObject({
      fullMeshLimit: z
        .int()
        .min(2)
        .max(5_000)
        .default(100)
        .describe("Up to this many nodes everyone probes everyone; above it, a sample."),
      sampleSize: z
        .int()
        .min(2)
        .max(500)
        .default(24)
        .describe("Peers each node probes in a sampled mesh, before cross-zone pairs are added."),
      allowRanges: z
        .array(ipOrRange)
        .default([])
        .describe(
          "Addresses or ranges of pods and nodes that are probed although they are refused by default (docs/membership.md lists those that can be allowed).",
        ),
    })
    .prefault({}),
  families: z
    .union([z.literal("primary"), z.array(z.enum(IP_FAMILIES)).min(1)])
    .default("primary")
    .describe("Address families to probe: `primary` (that of the first pod address) or a list."),
  engine: z
    .enum(["kernel", "userspace"])
    .default("kernel")
    .describe(
      "`kernel`: kernel time stamps through FFI. `userspace`: net-ping, net and dgram, for hosts without FFI; ICMP there needs CAP_NET_RAW.",
    ),
  ...pairProtocols,
  pathMtu: z
    .strictObject({
      enabled: flag.default(true).describe("Verify once an interval that packets of the believed path MTU pass."),
      intervalMs: milliseconds(10_000, 3_600_000)
        .default(60_000)
        .describe("Milliseconds between two verifications of a pair."),
    })
    .prefault({}),
  dns: z
    .strictObject({
      enabled: flag.default(true).describe("Look names up as this node's pods do."),
      ...timing(10_000, 5_000),
      names: z
        .array(dnsName)
        .default(["kubernetes.default.svc.cluster.local"])
        .describe("Names looked up (A and AAAA in parallel)."),
      servers: z
        .array(
          z.strictObject({
            label: z.enum(["cluster", "nodelocal", "pod"]).describe("Value of the `server` label."),
            address: ip.describe("Address of the DNS server."),
          }),
        )
        .default([])
        .describe(
          "Servers asked. Empty: those of /etc/resolv.conf, as `cluster`, and a link-local one as `nodelocal`.",
        ),
      pods: z
        .strictObject({
          host: dnsName
            .optional()
            .describe(
              "Name that lists the pods behind cluster DNS, which are then asked each for itself, at most 8 from a node: a headless Service. Empty: not asked; the chart's `dnsPods` sets it.",
            ),
          port: port
            .default(53)
            .describe("Port that these pods answer at, where no SRV record of the name's port `dns` tells another."),
        })
        .prefault({}),
    })
    .prefault({}),
  servicePath: z
    .strictObject({
      enabled: flag
        .default(true)
        .describe("Probe the way through a Service, which kube-proxy or what replaces it makes."),
      hosts: z
        .array(serviceHost)
        .default([])
        .describe(
          "The Service with all agents behind it, at `ports.probe`: its name, or its addresses. Empty: not probed; the chart names its own.",
        ),
      ...timing(5_000, 4_000),
      apiServer: flag
        .default(false)
        .describe(
          "Probe the API server's Service too, every 30 seconds. It notes each probe as a TLS error (docs/service-path.md).",
        ),
    })
    .prefault({}),
  ports: z
    .strictObject({
      metrics: port.default(9_843).describe("`/metrics`, nothing else."),
      probe: port.default(7_843).describe("TCP and UDP probe port, the same on every agent."),
      http: port.default(8_843).describe("Page and API."),
      hostView: port.default(8_844).describe("Where the host view answers, on the node's own address."),
    })
    .prefault({}),
  listen: z
    .array(ip)
    .default([])
    .describe("Addresses the ports are bound to; `0.0.0.0` is all of IPv4, `::` all of IPv6. Empty: all of both."),
  metrics: z
    .strictObject({
      pairDetail: z
        .enum(["default", "full"])
        .default("default")
        .describe("`full` adds minimum, jitter and a histogram to every pair."),
    })
    .prefault({}),
  actions: z
    .strictObject({
      enabled: flag
        .default(false)
        .describe(
          "Let whoever has the token make this agent send packets on demand to other members of the mesh (docs/actions.md).",
        ),
    })
    .prefault({}),
  hostView: z
    .strictObject({
      enabled: flag
        .default(false)
        .describe(
          "Ask the nodes' host views, at `ports.hostView` of their addresses, what their kernels tell (docs/host-view.md).",
        ),
    })
    .prefault({}),
  tokenFile: path
    .optional()
    .describe(
      "File with the token that actions and host views ask for: the same on every agent, at least 16 characters; read again when it changes.",
    ),
  shutdown: z
    .strictObject({
      drainMs: milliseconds(0, 60_000)
        .default(10_000)
        .describe(
          "After SIGTERM the agent is not ready but goes on reflecting for this long, until its peers have dropped it.",
        ),
    })
    .prefault({}),
  logLevel: z
    .enum(["trace", "debug", "info", "warn", "error"])
    .default("info")
    .describe("Least severe log line that is written."),
});

/** The effective configuration: validated, every default filled in. */
export type Config = z.infer<typeof configSchema>;
/** What a file, environment or flags may say. */
export type ConfigInput = z.input<typeof configSchema>;
