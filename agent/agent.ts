// The only place that constructs the daemon: what exists, in which order it starts, and in which it stops.
import { randomBytes } from "node:crypto";
import type { Logger } from "pino";
import { firstOfEachFamily } from "./base/ip.ts";
import { familiesOf } from "./config/plan.ts";
import type { Config } from "./config/schema.ts";
import { readUdpKey } from "./config/udp-key.ts";
import { startApi } from "./api/api.ts";
import { PodAddresses } from "./api/pod-addresses.ts";
import { PeerReports } from "./peers/peer-reports.ts";
import { buildRow } from "./api/row.ts";
import type { AgentView, PeerStatus, Readiness } from "./api/agent-view.ts";
import { startJudging } from "./judge/start.ts";
import { openEngine } from "./measuring/engine.ts";
import { startMeasuring, type Measuring } from "./measuring/measuring.ts";
import { peerApi } from "./peers/peer-api.ts";
import { countMembers, unprobedPeers, whyNothingIsProbed } from "./mesh/members.ts";
import { startMesh, type Mesh } from "./mesh/mesh.ts";
import { UnprobedLog } from "./mesh/unprobed-log.ts";
import { createMetrics, type Metrics } from "./metrics/metrics.ts";
import { startMetricsServer } from "./metrics/server.ts";
import type { AgentHealth, UdpReceived } from "./model/snapshot.ts";
import { VERSION } from "./model/version.ts";
import { SenderDirectory } from "./reflector/sender-directory.ts";
import { createResults } from "./results/results.ts";

export interface Agent extends AsyncDisposable {
  /** Not ready from now on; resolves when peers have had time to notice. Goes on measuring and reflecting. */
  drain(signal: AbortSignal): Promise<void>;
}

/** How often it is looked whether a peer has been unprobed for long. */
const PATIENCE_MS = 5_000;

/** Rejects, with nothing left open, when a port of its own cannot be opened; a protocol that cannot is unavailable. */
export async function startAgent(config: Config, log: Logger): Promise<Agent> {
  await using starting = new AsyncDisposableStack();
  const engine = await openEngine(config.engine);
  const { clock } = engine;
  const identityOf = { incarnation: randomBytes(8).toString("hex"), startedAt: new Date().toISOString() };
  const { incarnation } = identityOf;
  const key = config.udp.keyFile === undefined ? undefined : readUdpKey(config.udp.keyFile);
  const results = createResults({ clock, pairDetail: config.metrics.pairDetail });
  const mesh = starting.use(startMesh({ config, clock }));
  const metrics: Metrics = createMetrics({
    results,
    clock,
    config,
    self: () => mesh.self(),
    mesh: () =>
      countMembers({
        members: mesh.members(),
        unusable: mesh.unusable(),
        largestInDegree: mesh.extent().largestInDegree,
      }),
    pathMtu: () => measuring.pathMtu(),
    udpReceived: () => receivedFrom({ measuring, mesh, config }),
    socketDrops: () => measuring.socketDrops(),
    reflector: () => measuring.reflectorCounts(),
  });
  starting.use(
    mesh.listen({
      synced: () => metrics.discoverySynced(),
      failed(err) {
        metrics.discoveryFailed();
        log.warn({ err }, "discovery failed; the last known peers stay");
      },
    }),
  );
  const sources = new SenderDirectory();
  const measuring: Measuring = starting.use(
    await startMeasuring({ config, log, engine, results, metrics, sources, incarnation, key }),
  );

  const agents = new PodAddresses();
  const unprobedLog = new UnprobedLog({ clock, log });
  const decided = () => {
    const members = mesh.members();
    sources.update(members);
    agents.update(members);
    unprobedLog.update(members, mesh.unusable());
  };
  const reconcile = () => measuring.reconcile(mesh.self(), mesh.peers());
  const changed = () => {
    log.info({ ...mesh.extent(), zone: mesh.self().zone }, "the mesh changed");
    reconcile();
  };
  starting.use(mesh.listen({ decided, changed }));
  decided();
  reconcile();

  let draining = false;
  const rowSources = {
    ...identityOf,
    self: () => mesh.self(),
    version: VERSION,
    clock,
    results,
    pathMtu: () => measuring.pathMtu(),
    udpReceived: () => measuring.udpReceived(),
    unprobed: () => unprobedPeers(mesh.members()),
    extent: () => mesh.extent(),
    health: (): AgentHealth => ({ ...measuring.health(), discoveryAgeSeconds: mesh.state().ageSeconds }),
  };
  const others = () => othersOf(mesh);
  const apiSources: AgentView = {
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
        .members()
        .filter((member) => member.state !== "self")
        .map(({ node, nodeAddresses }) => ({ node: node.name, nodeAddresses })),
    }),
    peers: others,
    extent: () => mesh.extent(),
    unusable: () => mesh.unusable(),
    peerApis: () => others().flatMap((peer) => peerApi(peer, config.ports.http) ?? []),
    row: (query) => buildRow(rowSources, query),
    isAgent: (address) => agents.has(address),
    findings: (asked) => judging.answer(asked),
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
      log,
      sharedKey: key,
      ...(engine.smallSegments && { smallSegments: engine.smallSegments }),
    }),
  );
  const judging = starting.use(
    startJudging({
      sources: apiSources,
      rows: api.rows,
      clock,
      sharedKey: key,
      log,
      isServing: () => readinessOf(mesh, draining).ready,
    }),
  );
  const { udp } = measuring;
  if (udp !== undefined)
    starting
      .use(
        new PeerReports({
          udp,
          clock,
          self: config.node.name,
          peerApis: () => apiSources.peerApis(),
          rows: api.rows,
        }),
      )
      .start();

  // A fault is told once it has lasted: by the clock, not by an event.
  const patience = setInterval(() => unprobedLog.update(mesh.members(), mesh.unusable()), PATIENCE_MS);
  starting.defer(() => clearInterval(patience));
  measuring.start();
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

function readinessOf(mesh: Mesh, draining: boolean): Readiness {
  if (draining) return { ready: false, reason: "the agent is stopping and waits for its peers to notice" };
  const { lastSyncNs, failure } = mesh.state();
  if (lastSyncNs !== undefined) {
    const reason = whyNothingIsProbed(mesh.members());
    return reason === undefined ? { ready: true } : { ready: false, reason };
  }
  return {
    ready: false,
    reason: `discovery has not answered yet${failure === undefined ? "" : `: ${failure.message}`}`,
  };
}

function othersOf(mesh: Mesh): PeerStatus[] {
  return mesh
    .members()
    .filter((member) => member.state !== "self")
    .map(({ node, state, serving, podAddresses, nodeAddresses, unprobed }) => ({
      node,
      addresses: { pod: podAddresses, node: nodeAddresses },
      serving,
      probed: state !== "unprobed",
      unprobed,
    }));
}

/** In a full mesh every peer probes us: what has not arrived yet is a 0, not an absence. */
function* receivedFrom({
  measuring,
  mesh,
  config,
}: {
  measuring: Measuring;
  mesh: Mesh;
  config: Config;
}): Generator<UdpReceived> {
  const heard = new Set<string>();
  for (const received of measuring.udpReceived()) {
    heard.add(`${received.source.name}/${received.network}/${received.family}`);
    yield received;
  }
  if (!mesh.extent().isFullMesh) return;
  for (const { node: source, addresses } of mesh.peers()) {
    for (const network of config.udp.networks) {
      for (const family of familiesOf(config)) {
        if (addresses[network][family] === undefined || heard.has(`${source.name}/${network}/${family}`)) continue;
        yield { source, network, family, received: 0, incarnation: "", highest: 0, bitmap: "" };
      }
    }
  }
}
