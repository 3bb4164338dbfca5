// The only place that constructs the daemon: what exists, in which order it starts, and in which it stops.
import { randomBytes } from "node:crypto";
import { isIPv4 } from "node:net";
import type { Logger } from "pino";
import type { Config } from "./config/schema.ts";
import { startApi } from "./http/api.ts";
import { buildRow } from "./http/row.ts";
import { peerApi, type ApiSources, type Readiness } from "./http/sources.ts";
import { systemClock } from "./kernel/clock.ts";
import { openLinuxKernel } from "./kernel/linux.ts";
import { createMetrics, type MeshCounts } from "./metrics/metrics.ts";
import { startMetricsServer } from "./metrics/server.ts";
import { startMesh, type KnownNode, type Mesh } from "./mesh/mesh.ts";
import type { Identity } from "./model/identity.ts";
import { PROTOCOLS, type Addresses, type IpFamily, type Network, type Peer, type Protocol } from "./model/peer.ts";
import type { AgentHealth } from "./model/snapshot.ts";
import { VERSION } from "./model/version.ts";
import { ClockWatch } from "./probes/clock-watch.ts";
import { conntrackState } from "./probes/conntrack.ts";
import { icmpProber } from "./probes/icmp.ts";
import type { Prober } from "./probes/prober.ts";
import { tcpProber } from "./probes/tcp.ts";
import { tcpResponder } from "./reflector/tcp-responder.ts";
import { createResults } from "./results/results.ts";
import { Trailing } from "./results/trailing.ts";
import { Schedule } from "./schedule/schedule.ts";
import { SlotTable } from "./schedule/slot-table.ts";

export interface Agent extends AsyncDisposable {
  /** Not ready from now on; resolves when peers have had time to notice. Goes on measuring and reflecting. */
  drain(signal: AbortSignal): Promise<void>;
}

/** How often discovery's freshness is carried to the metrics. */
const HOUSEKEEPING_MS = 1_000;

export async function startAgent(config: Config, log: Logger): Promise<Agent> {
  await using starting = new AsyncDisposableStack();
  const clock = systemClock();
  const kernel = openLinuxKernel(clock);
  const incarnation = randomBytes(8).toString("hex");
  const startedAt = new Date().toISOString();
  const families = familiesOf(config);
  const results = createResults({ clock, pairDetail: config.metrics.pairDetail });

  const mesh = starting.use(startMesh({ config, clock, failed: (err) => log.warn({ err }, "discovery failed, the last known peers stay") }));

  const unavailable: { network: Network; protocol: Protocol; reason: string }[] = [];
  const probers = new Map<Protocol, Prober>();
  for (const protocol of PROTOCOLS) {
    const { networks } = config[protocol];
    if (networks.length === 0 || protocol === "udp") continue;
    try {
      const prober =
        protocol === "icmp"
          ? icmpProber({ kernel, clock, sink: results, settings: config.icmp, families, conntrack: conntrackState })
          : tcpProber({ kernel, clock, sink: results, settings: { ...config.tcp, port: config.ports.probe } });
      probers.set(protocol, starting.use(prober));
    } catch (err) {
      const reason = err instanceof Error ? err.message : String(err);
      log.error({ protocol, err }, "a protocol is unavailable, the others go on");
      for (const network of networks) unavailable.push({ network, protocol, reason });
    }
  }
  starting.use(await tcpResponder({ port: config.ports.probe, addresses: config.listen }));

  const metrics = createMetrics({
    results, clock, config,
    self: () => mesh.self(),
    mesh: () => countNodes(mesh.known()),
    pathMtu: () => [],
    udpReceived: () => [],
    socketDrops: () => [...probers].flatMap(([protocol, prober]) => config[protocol].networks.map((network) => ({ network, protocol, drops: prober.socketDrops() }))),
  });
  for (const protocol of PROTOCOLS) {
    for (const network of config[protocol].networks) metrics.protocolAvailable({ network, protocol, available: probers.has(protocol) });
  }

  const watch = new ClockWatch(clock);
  const recent = { steps: new Trailing(clock), lagMaxMs: 0 };
  const schedule = starting.use(
    new Schedule({
      clock,
      sink: results,
      protocols: [...probers.values()].map((prober) => ({ prober, ...config[prober.protocol] })),
      activities: [],
      onTick(lagSeconds) {
        metrics.tickLag(lagSeconds);
        recent.lagMaxMs = Math.max(recent.lagMaxMs, lagSeconds * 1000);
        const before = watch.steps;
        watch.look();
        if (watch.steps === before) return;
        recent.steps.add(1);
        metrics.clockStep();
        log.warn("the wall clock stepped; probes in flight are answered without a delay");
      },
    }),
  );

  const slots = new SlotTable({
    opened(slot) {
      results.open(slot);
      schedule.open(slot);
    },
    closed(slot) {
      schedule.close(slot);
      results.close(slot);
    },
    moved(from, to) {
      results.move(from, to);
      schedule.move(from, to);
    },
  });
  const plan = { families, networks: networksOf(config, new Set(probers.keys())) };
  const reconcile = () => slots.reconcile(mesh.self(), mesh.peers(), plan);
  starting.use(
    mesh.onChange(() => {
      log.info({ peers: mesh.peers().length, zone: mesh.self().zone }, "the mesh changed");
      reconcile();
    }),
  );
  reconcile();

  let draining = false;
  const readiness = (): Readiness => {
    if (draining) return { ready: false, reason: "the agent is stopping and waits for its peers to notice" };
    if (mesh.state().lastSyncNs === undefined) return { ready: false, reason: `discovery has not answered yet${mesh.state().failure === undefined ? "" : `: ${mesh.state().failure!.message}`}` };
    return { ready: true };
  };
  const identity = (): Identity => ({
    schemaVersion: 1,
    node: mesh.self(),
    version: VERSION,
    incarnation,
    startedAt,
    podAddresses: addressesOf(config.node.podAddresses),
    nodeAddresses: addressesOf(config.node.nodeAddresses),
    relayed: mesh.known().filter((known) => known.state !== "self").map(({ node, nodeAddresses }) => ({ node: node.name, nodeAddresses })),
  });
  const health = (): AgentHealth => {
    const { probesSkipped, localErrors, stamps } = results.recent();
    const socketDrops = [...probers.values()].reduce((sum, prober) => sum + prober.socketDrops(), 0);
    return { engine: config.engine, stamps, unavailable, tickLagMaxMs: recent.lagMaxMs, probesSkipped, localErrors, socketDrops, clockSteps: recent.steps.sum(), discoveryAgeSeconds: mesh.state().ageSeconds };
  };
  const peersOf = () => othersOf(mesh);
  const sources: ApiSources = {
    get node() {
      return mesh.self();
    },
    identity,
    readiness,
    peers: peersOf,
    peerApis: () => peersOf().flatMap((peer) => peerApi(peer, config.ports.http) ?? []),
    row: (query) => buildRow({ self: () => mesh.self(), version: VERSION, incarnation, startedAt, clock, results, pathMtu: () => [], udpReceived: () => [], health }, query),
  };
  starting.use(await startMetricsServer({ metrics, port: config.ports.metrics, listen: config.listen, failed: (err) => log.warn({ err }, "a scrape broke off") }));
  starting.use(await startApi({ sources, port: config.ports.http, listen: config.listen, allowFrom: [], log }));

  let syncedNs: number | undefined;
  let errors = 0;
  const housekeeping = setInterval(() => {
    const state = mesh.state();
    if (state.lastSyncNs !== syncedNs) metrics.discoverySynced();
    for (; errors < state.errors; errors++) metrics.discoveryFailed();
    syncedNs = state.lastSyncNs;
  }, HOUSEKEEPING_MS);
  starting.defer(() => clearInterval(housekeeping));

  schedule.start();
  const running = starting.move();
  return {
    async drain(signal) {
      draining = true;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, config.shutdown.drainMs);
        signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
      });
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** The families to probe: of the first pod address, or those asked for. */
function familiesOf({ families, node }: Config): readonly IpFamily[] {
  if (families !== "primary") return families;
  const [first] = [...node.podAddresses, ...node.nodeAddresses];
  return [first === undefined || isIPv4(first) ? "ipv4" : "ipv6"];
}

function networksOf(config: Config, open: ReadonlySet<Protocol>): Record<Protocol, readonly Network[]> {
  const of = (protocol: Protocol) => (open.has(protocol) ? config[protocol].networks : []);
  return { icmp: of("icmp"), tcp: of("tcp"), udp: of("udp") };
}

function addressesOf(ips: readonly string[]): Addresses {
  const ipv4 = ips.find((ip) => isIPv4(ip));
  const ipv6 = ips.find((ip) => !isIPv4(ip));
  return { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) };
}

function othersOf(mesh: Mesh): (Peer & { readonly probed: boolean })[] {
  const probed = new Set(mesh.peers().map((peer) => peer.node.name));
  return mesh.known().filter((known) => known.state !== "self").map(({ node, state, podAddresses, nodeAddresses }) => ({
    node, addresses: { pod: podAddresses, node: nodeAddresses }, serving: state !== "not_serving", probed: probed.has(node.name),
  }));
}

function countNodes(known: readonly KnownNode[]): MeshCounts {
  const count = (state: KnownNode["state"]) => known.filter((k) => k.state === state).length;
  return { size: Math.max(1, known.length), serving: count("serving"), notServing: count("not_serving"), unprobed: count("unprobed") };
}
