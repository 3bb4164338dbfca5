// The only place that constructs the daemon: what exists, in which order it starts, and in which it stops.
import { randomBytes } from "node:crypto";
import type { Logger } from "pino";
import { ActionDesk } from "./actions/desk.ts";
import { startApi } from "./api/api.ts";
import { ownView } from "./api/own-view.ts";
import { Chores } from "./base/chores.ts";
import { TokenFile } from "./base/token-file.ts";
import type { Config } from "./config/schema.ts";
import { readUdpKey } from "./config/udp-key.ts";
import { startJudging, type RunningJudge } from "./judge/start.ts";
import { openEngine } from "./measuring/engine.ts";
import { startMeasuring, type Measuring } from "./measuring/measuring.ts";
import { logMesh } from "./mesh/mesh-log.ts";
import { startMesh } from "./mesh/mesh.ts";
import { createMetrics, type Metrics } from "./metrics/metrics.ts";
import { startMetricsServer } from "./metrics/server.ts";
import { PeerReports } from "./peers/peer-reports.ts";
import { createResults } from "./results/results.ts";

export interface Agent extends AsyncDisposable {
  /** Not ready from now on; resolves when peers have had time to notice. Goes on measuring and reflecting. */
  drain(signal: AbortSignal): Promise<void>;
}

/** Rejects, with nothing left open, when a port of its own cannot be opened; a protocol that cannot is unavailable. */
export async function startAgent(config: Config, log: Logger): Promise<Agent> {
  await using starting = new AsyncDisposableStack();
  const { ports, listen } = config;
  const engine = await openEngine(config.engine);
  const { clock, openTables } = engine;
  const chores = new Chores(clock);
  const incarnation = randomBytes(8).toString("hex");
  const startedAt = new Date().toISOString();
  const key = config.udp.keyFile === undefined ? undefined : readUdpKey(config.udp.keyFile);

  const results = createResults({ clock, pairDetail: config.metrics.pairDetail });
  const mesh = starting.use(startMesh({ config, clock, chores }));
  starting.use(logMesh({ mesh, clock, chores, log }));
  const metrics: Metrics = createMetrics({
    results,
    clock,
    config,
    self: () => mesh.self(),
    mesh: () => mesh.counts(),
    pathMtu: () => measuring.pathMtu(),
    udpReceived: () => measuring.udpReceivedOfAll(),
    socketDrops: () => measuring.socketDrops(),
    reflector: () => measuring.reflectorCounts(),
    judge: () => judging.report,
  });
  const synced = () => metrics.discoverySynced();
  const failed = () => metrics.discoveryFailed();
  starting.use(mesh.listen({ synced, failed }));

  const measuring: Measuring = starting.use(
    await startMeasuring({ config, log, engine, chores, results, metrics, incarnation, key }),
  );
  measuring.follow(mesh);

  const findings: RunningJudge["answer"] = (asked) => judging.answer(asked);
  const view = starting.use(
    ownView({ config, clock, incarnation, startedAt, mesh, measuring, results, findings, openTables }),
  );
  const token = config.tokenFile === undefined ? undefined : new TokenFile(config.tokenFile);
  const isServing = () => view.readiness().ready;
  const judging = starting.use(
    startJudging({
      sources: view,
      clock,
      chores,
      failures: () => results.failures(),
      sharedKey: key,
      log,
      isServing,
      token,
    }),
  );
  const scrapeFailed = (err: Error) => log.warn({ err }, "a scrape broke off");
  starting.use(await startMetricsServer({ metrics, port: ports.metrics, listen, failed: scrapeFailed }));
  const actions = starting.use(new ActionDesk({ config, engine, key, token, mesh: view, log }));
  const { smallSegments } = engine;
  const api = starting.use(
    await startApi({
      sources: view,
      port: ports.http,
      listen,
      log,
      sharedKey: key,
      actions,
      token,
      ...(smallSegments && { smallSegments }),
    }),
  );
  const { udp } = measuring;
  if (udp !== undefined) {
    const peerApis = () => view.peerApis();
    starting.use(new PeerReports({ udp, clock, chores, self: config.node.name, peerApis, rows: api.rows })).start();
  }

  measuring.start();
  const running = starting.move();
  return {
    drain: (signal) => view.gate.drain(config.shutdown.drainMs, signal),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
