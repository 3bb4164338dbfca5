// The only place that constructs the daemon: what exists, in which order it starts, and in which it stops.
import { randomBytes } from "node:crypto";
import type { Logger } from "pino";
import { ClockWatch } from "./base/clock-watch.ts";
import { phase } from "./base/hash.ts";
import { Trailing } from "./base/trailing.ts";
import { familyOf, firstOfEachFamily } from "./base/ip.ts";
import { familiesOf } from "./config/plan.ts";
import { LIMITS, type Config } from "./config/schema.ts";
import { readUdpKey } from "./config/udp-key.ts";
import { startApi } from "./api/api.ts";
import { PodAddresses } from "./api/pod-addresses.ts";
import { PeerWitness } from "./peers/peer-witness.ts";
import { buildRow } from "./api/row.ts";
import type { ApiSources, KnownPeer, Readiness } from "./api/sources.ts";
import { peerApi } from "./peers/peer-api.ts";
import type { Kernel } from "./kernel/kernel.ts";
import { countNodes, unprobedPeers, whyNothingIsProbed } from "./mesh/known-nodes.ts";
import { startMesh, type Mesh } from "./mesh/mesh.ts";
import { UnprobedLog } from "./mesh/unprobed-log.ts";
import { createMetrics, type Metrics, type SocketDrops } from "./metrics/metrics.ts";
import { startMetricsServer } from "./metrics/server.ts";
import type { Clock } from "./base/clock.ts";
import { PROTOCOLS, type IpFamily, type Network, type Protocol } from "./model/peer.ts";
import type { AgentHealth, UdpReceived } from "./model/snapshot.ts";
import { VERSION } from "./model/version.ts";
import { WINDOW_SECONDS } from "./model/window.ts";
import { conntrackState } from "./probes/conntrack.ts";
import { dnsProber, dnsServers } from "./probes/dns.ts";
import { pathMtuProber, type PathMtuProber } from "./probes/path-mtu.ts";
import type { Prober } from "./probes/prober.ts";
import { openProber, type Engine } from "./probes/protocols.ts";
import type { UdpProber } from "./probes/udp.ts";
import { KnownSources } from "./reflector/known-sources.ts";
import { tcpResponder } from "./reflector/tcp-responder.ts";
import { udpReflector, type UdpReflector, type UdpReflectorOptions } from "./reflector/udp-reflector.ts";
import { createResults } from "./results/results.ts";
import { Schedule, type Activity } from "./schedule/schedule.ts";
import { SlotTable } from "./schedule/slot-table.ts";

export interface Agent extends AsyncDisposable {
  /** Not ready from now on; resolves when peers have had time to notice. Goes on measuring and reflecting. */
  drain(signal: AbortSignal): Promise<void>;
}

/** How often what has no event of its own is carried over: discovery's freshness, who may be counted. */
const HOUSEKEEPING_MS = 1_000;
const NO_ROWS: readonly never[] = [];
/** What every path carries: the segment of a packet of 576 bytes (RFC 9293 §3.7.1). */
const SEGMENT_BYTES = 536;

/** Rejects, with nothing left open, when a port of its own cannot be opened; a protocol that cannot is unavailable. */
export async function startAgent(config: Config, log: Logger): Promise<Agent> {
  await using starting = new AsyncDisposableStack();
  const { clock, kernel, engine, smallSegments } = await openEngine(config.engine);
  const identityOf = { incarnation: randomBytes(8).toString("hex"), startedAt: new Date().toISOString() };
  const { incarnation } = identityOf;
  const families = familiesOf(config);
  const key = config.udp.keyFile === undefined ? undefined : readUdpKey(config.udp.keyFile);
  const results = createResults({ clock, pairDetail: config.metrics.pairDetail });
  const mesh = starting.use(
    startMesh({ config, clock, failed: (err) => log.warn({ err }, "discovery failed; the last known peers stay") }),
  );

  // The answering end first: peers may ask as soon as they know us.
  const sources = new KnownSources();
  const listen = config.listen
    .map((address) => ({ family: familyOf(address), address }))
    .filter(({ family }) => families.includes(family));
  const reflector: UdpReflector = starting.use(
    udpReflector({
      kernel,
      clock,
      incarnation,
      key,
      port: config.ports.probe,
      maxPacketBytes: LIMITS.maxPacketBytes,
      listen: config.listen.length > 0 ? listen : families.map((family) => ({ family })),
      isFrom: (hash, ip) => sources.isFrom(hash, ip),
      nodeOf: (hash) => sources.nodeOf(hash),
    }),
  );
  starting.use(await tcpResponder({ port: config.ports.probe, addresses: config.listen }));

  const { probers, udp, unavailable } = await openProbers({
    config,
    log,
    engine,
    options: {
      clock,
      sink: results,
      config,
      families,
      source: config.node.name,
      incarnation,
      key,
      conntrack: conntrackState,
    },
  });
  for (const prober of probers.values()) starting.use(prober);
  const pathMtu = openPathMtu({ config, log, engine, clock, families, incarnation, key, udp });
  if (pathMtu !== undefined) starting.use(pathMtu);

  const metrics = createMetrics({
    results,
    clock,
    config,
    self: () => mesh.self(),
    mesh: () =>
      countNodes({
        known: mesh.known(),
        unusable: mesh.unusable(),
        largestInDegree: mesh.extent().largestInDegree,
      }),
    pathMtu: () => pathMtu?.values() ?? NO_ROWS,
    udpReceived: () => receivedFrom({ reflector, mesh, config, families }),
    socketDrops: () => socketDrops({ config, probers, reflector }),
  });
  for (const protocol of PROTOCOLS) {
    for (const network of config[protocol].networks)
      metrics.protocolAvailable({ network, protocol, available: probers.has(protocol) });
  }

  const activities: Activity[] = [{ tick: () => void reflector.drain(), busy: false }];
  if (pathMtu !== undefined) activities.push(pathMtu);
  if (config.dns.enabled) activities.push(starting.use(openDns({ config, clock, metrics, log })));
  const watch = new ClockWatch(clock);
  const steps = new Trailing(clock, WINDOW_SECONDS);
  const lag = new Trailing(clock, WINDOW_SECONDS);
  const schedule = starting.use(
    new Schedule({
      clock,
      activities,
      sink: results,
      protocols: [...probers.values()].map((prober) => ({ prober, ...config[prober.protocol] })),
      onTick(lagSeconds) {
        metrics.tickLag(lagSeconds);
        lag.add(lagSeconds);
        const before = watch.steps;
        watch.look();
        if (watch.steps === before) return;
        steps.add(1);
        metrics.clockStep();
        log.warn("the wall clock stepped; what was in flight is answered without a delay");
      },
    }),
  );

  const slots = new SlotTable({
    opened(slot) {
      results.open(slot);
      schedule.open(slot);
      if (slot.protocol === "udp") pathMtu?.open(slot);
    },
    closed(slot) {
      if (slot.protocol === "udp") pathMtu?.close(slot);
      schedule.close(slot);
      results.close(slot);
    },
    moved(from, to) {
      results.move(from, to);
      schedule.move(from, to);
      if (from.protocol !== "udp") return;
      pathMtu?.close(from);
      pathMtu?.open(to);
    },
  });
  const plan = { families, networks: networksOf(config, new Set(probers.keys())) };
  const agents = new PodAddresses();
  const learn = () => {
    const known = mesh.known();
    sources.update(known);
    agents.update(known);
  };
  const reconcile = () => {
    learn();
    slots.reconcile(mesh.self(), mesh.peers(), plan);
  };
  starting.use(
    mesh.onChange(() => {
      log.info({ ...mesh.extent(), zone: mesh.self().zone }, "the mesh changed");
      reconcile();
    }),
  );
  reconcile();

  let draining = false;
  const health = (): AgentHealth => {
    const drops = [...socketDrops({ config, probers, reflector })].reduce((sum, { drops }) => sum + drops, 0);
    return {
      ...results.recent(),
      engine: config.engine,
      unavailable,
      tickLagMaxMs: lag.max() * 1000,
      socketDrops: drops,
      clockSteps: steps.sum(),
      discoveryAgeSeconds: mesh.state().ageSeconds,
    };
  };
  const rowSources = {
    ...identityOf,
    self: () => mesh.self(),
    version: VERSION,
    clock,
    results,
    pathMtu: () => pathMtu?.values() ?? NO_ROWS,
    udpReceived: () => reflector.received(),
    unprobed: () => unprobedPeers(mesh.known()),
    extent: () => mesh.extent(),
    health,
  };
  const others = () => othersOf(mesh);
  const apiSources: ApiSources = {
    get node() {
      return mesh.self();
    },
    readiness: () => readinessOf(mesh, draining),
    identity: () => ({
      ...identityOf,
      schemaVersion: 1,
      node: mesh.self(),
      version: VERSION,
      podAddresses: firstOfEachFamily(config.node.podAddresses),
      nodeAddresses: firstOfEachFamily(config.node.nodeAddresses),
      relayed: mesh
        .known()
        .filter((known) => known.state !== "self")
        .map(({ node, nodeAddresses }) => ({ node: node.name, nodeAddresses })),
    }),
    peers: others,
    extent: () => mesh.extent(),
    unusable: () => mesh.unusable(),
    peerApis: () => others().flatMap((peer) => peerApi(peer, config.ports.http) ?? []),
    row: (query) => buildRow(rowSources, query),
    isAgent: (address) => agents.has(address),
  };
  starting.use(
    await startMetricsServer({
      metrics,
      port: config.ports.metrics,
      listen: config.listen,
      failed: (err) => log.warn({ err }, "a scrape broke off"),
    }),
  );
  const api = starting.use(
    await startApi({
      sources: apiSources,
      port: config.ports.http,
      listen: config.listen,
      allowFrom: [],
      log,
      sharedKey: key,
      ...(smallSegments !== undefined && { smallSegments }),
    }),
  );
  if (udp !== undefined)
    starting
      .use(
        new PeerWitness({
          udp,
          clock,
          self: config.node.name,
          peerApis: () => apiSources.peerApis(),
          rows: api.rows,
        }),
      )
      .start();

  const unprobedLog = new UnprobedLog({ clock, log });
  const look = () => {
    learn();
    unprobedLog.look(mesh.known(), mesh.unusable());
  };
  const housekeeping = setInterval(discoveryNews(mesh, metrics, look), HOUSEKEEPING_MS);
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

/** The kernel engine loads FFI, the userspace one never does: it also runs where koffi has no binary. */
async function openEngine(name: Config["engine"]): Promise<{
  clock: Clock;
  kernel: UdpReflectorOptions["kernel"];
  engine: Engine;
  smallSegments?: (descriptor: number) => void;
}> {
  switch (name) {
    case "kernel": {
      const [{ systemClock }, { openLinuxKernel }, { limitSegments }] = await Promise.all([
        import("./kernel/clock.ts"),
        import("./kernel/linux.ts"),
        import("./kernel/segment-size.ts"),
      ]);
      const clock = systemClock();
      const kernel: Kernel = openLinuxKernel(clock);
      const smallSegments = (descriptor: number) => limitSegments(descriptor, SEGMENT_BYTES);
      return { clock, kernel, engine: { kind: "kernel", kernel }, smallSegments };
    }
    case "userspace": {
      const [{ userspaceClock }, { dgramKernel }] = await Promise.all([
        import("./probes/userspace/clock.ts"),
        import("./probes/userspace/dgram-kernel.ts"),
      ]);
      const clock = userspaceClock();
      return { clock, kernel: dgramKernel(clock), engine: { kind: "userspace" } };
    }
  }
}

interface OpenProbers {
  readonly config: Config;
  readonly log: Logger;
  readonly engine: Engine;
  readonly options: Parameters<typeof openProber>[2];
}

async function openProbers({ config, log, engine, options }: OpenProbers) {
  const probers = new Map<Protocol, Prober>();
  const unavailable: { network: Network; protocol: Protocol; reason: string }[] = [];
  let udp: UdpProber | undefined;
  for (const protocol of PROTOCOLS) {
    const { networks } = config[protocol];
    if (networks.length === 0) continue;
    const opened = await openProber(protocol, engine, options);
    if ("unavailable" in opened) {
      const { reason, cure } = opened.unavailable;
      log.error({ protocol, reason }, `${protocol} is unavailable here and the other protocols go on: ${cure}`);
      for (const network of networks) unavailable.push({ network, protocol, reason: `${reason}; ${cure}` });
    } else {
      probers.set(protocol, opened.prober);
      if (protocol === "udp") udp = opened.prober as UdpProber; // the table gives each protocol its own kind
    }
  }
  return { probers, udp, unavailable };
}

function openPathMtu(options: {
  config: Config;
  log: Logger;
  engine: Engine;
  clock: Clock;
  families: readonly IpFamily[];
  incarnation: string;
  key: Uint8Array | undefined;
  udp: UdpProber | undefined;
}): PathMtuProber | undefined {
  const { config, log, engine, udp, ...rest } = options;
  if (!config.pathMtu.enabled || udp === undefined) return undefined;
  if (engine.kind === "userspace") {
    log.info("path MTU is not measured: the userspace engine cannot set the don't-fragment bit");
    return undefined;
  }
  const settings = {
    intervalMs: config.pathMtu.intervalMs,
    timeoutMs: config.udp.timeoutMs,
    port: config.ports.probe,
    maxPacketBytes: LIMITS.maxPacketBytes,
  };
  return pathMtuProber({ ...rest, kernel: engine.kernel, settings, source: config.node.name });
}

function openDns({ config, clock, metrics, log }: { config: Config; clock: Clock; metrics: Metrics; log: Logger }) {
  const servers = dnsServers(config.dns.servers);
  const recorders = new Map(
    servers.flatMap((server) =>
      config.dns.names.map((name) => [`${server.label}/${name}`, metrics.dns({ server: server.label, name })] as const),
    ),
  );
  return dnsProber({
    clock,
    servers,
    phase,
    settings: config.dns,
    node: config.node.name,
    sink: {
      lookup(server, name, outcome) {
        const recorder = recorders.get(`${server.label}/${name}`)!;
        if (outcome.kind === "failed") recorder.failed(outcome.reason);
        else recorder.answered(outcome.durationNs === undefined ? undefined : outcome.durationNs / 1e9);
      },
      localError: (server, name, errno) =>
        log.debug({ server: server.address, name, errno }, "our own machine could not ask DNS"),
    },
  });
}

function readinessOf(mesh: Mesh, draining: boolean): Readiness {
  if (draining) return { ready: false, reason: "the agent is stopping and waits for its peers to notice" };
  const { lastSyncNs, failure } = mesh.state();
  if (lastSyncNs !== undefined) {
    const reason = whyNothingIsProbed(mesh.known());
    return reason === undefined ? { ready: true } : { ready: false, reason };
  }
  return {
    ready: false,
    reason: `discovery has not answered yet${failure === undefined ? "" : `: ${failure.message}`}`,
  };
}

function discoveryNews(mesh: Mesh, metrics: Metrics, then: () => void): () => void {
  let syncedNs: number | undefined;
  let errors = 0;
  return () => {
    const state = mesh.state();
    if (state.lastSyncNs !== syncedNs) metrics.discoverySynced();
    for (; errors < state.errors; errors++) metrics.discoveryFailed();
    syncedNs = state.lastSyncNs;
    then();
  };
}

function networksOf(config: Config, open: ReadonlySet<Protocol>): Record<Protocol, readonly Network[]> {
  const of = (protocol: Protocol) => (open.has(protocol) ? config[protocol].networks : []);
  return { icmp: of("icmp"), tcp: of("tcp"), udp: of("udp") };
}

function othersOf(mesh: Mesh): KnownPeer[] {
  return mesh
    .known()
    .filter((known) => known.state !== "self")
    .map(({ node, state, serving, podAddresses, nodeAddresses, unprobed }) => ({
      node,
      addresses: { pod: podAddresses, node: nodeAddresses },
      serving,
      probed: state !== "unprobed",
      unprobed,
    }));
}

/** Probers share a socket between networks, so its drops stand under the first of them; the reflector's count as UDP's. */
function* socketDrops({
  config,
  probers,
  reflector,
}: {
  config: Config;
  probers: ReadonlyMap<Protocol, Prober>;
  reflector: UdpReflector;
}): Generator<SocketDrops> {
  for (const [protocol, prober] of probers) {
    const drops = prober.socketDrops() + (protocol === "udp" ? reflector.socketDrops() : 0);
    for (const [i, network] of config[protocol].networks.entries())
      yield { network, protocol, drops: i === 0 ? drops : 0 };
  }
}

/** In a full mesh every peer probes us: what has not arrived yet is a 0, not an absence. */
function* receivedFrom({
  reflector,
  mesh,
  config,
  families,
}: {
  reflector: UdpReflector;
  mesh: Mesh;
  config: Config;
  families: readonly IpFamily[];
}): Generator<UdpReceived> {
  const heard = new Set<string>();
  for (const received of reflector.received()) {
    heard.add(`${received.source.name}/${received.network}/${received.family}`);
    yield received;
  }
  if (!mesh.extent().isFullMesh) return;
  for (const { node: source, addresses } of mesh.peers()) {
    for (const network of config.udp.networks) {
      for (const family of families) {
        if (addresses[network][family] === undefined || heard.has(`${source.name}/${network}/${family}`)) continue;
        yield { source, network, family, received: 0, incarnation: "", highest: 0, bitmap: "" };
      }
    }
  }
}
