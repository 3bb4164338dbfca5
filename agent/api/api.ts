// The agent's HTTP side: the page and /api/v1 (design §4). Reads only; what it says comes from ApiSources.
import express, { type Express, type NextFunction, type Request, type Response } from "express";
import { createServer, type Server } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGzip } from "node:zlib";
import { closeServer, listen } from "../base/listen.ts";
import { accessControl } from "./access.ts";
import { MESH_EVENTS_DEFAULTS, MeshEvents } from "./events.ts";
import { MESH_VIEW_DEFAULTS, MeshView, type MeshSnapshot } from "./mesh-view.ts";
import { pageRoutes } from "../page/routes.ts";
import { queryPair } from "./pair-query.ts";
import { PEER_ROWS_DEFAULTS, PeerRows } from "../peers/peer-rows.ts";
import type { ApiSources } from "./sources.ts";
import type { RowQuery } from "../peers/peer-api.ts";

export interface ApiOptions {
  readonly sources: ApiSources;
  /** 0 lets the system choose (tests). */
  readonly port: number;
  /** Addresses to listen on; empty means all. */
  readonly listen: readonly string[];
  /** CIDRs or addresses that may read everything, besides loopback: for a lab, never for a cluster. */
  readonly allowFrom: readonly string[];
  readonly log: { error(details: object, message: string): void };
  /** How long a peer may take to give its row. */
  readonly deadlineMs?: number;
  readonly maxEventClients?: number;
  readonly eventIntervalMs?: number;
}

export interface RunningApi extends AsyncDisposable {
  readonly port: number;
  /** Snapshots of the mesh, shared with those who ask over HTTP. */
  readonly mesh: Pick<MeshView, "snapshot">;
}

/** Connections at once: every peer of a large mesh, its kubelet and a few people. */
const MAX_CONNECTIONS = 2_048;
const ANSWERS_END_WITHIN_MS = 1_000;

export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const { sources, log } = options;
  const peerRows = new PeerRows({
    ...PEER_ROWS_DEFAULTS,
    ...(options.deadlineMs !== undefined && { deadlineMs: options.deadlineMs }),
  });
  const mesh = new MeshView({ sources, peerRows, ...MESH_VIEW_DEFAULTS });
  const events = new MeshEvents({
    ...MESH_EVENTS_DEFAULTS,
    ...(options.maxEventClients !== undefined && { maxClients: options.maxEventClients }),
    ...(options.eventIntervalMs !== undefined && { intervalMs: options.eventIntervalMs }),
    snapshot: () => mesh.snapshot(),
    log,
  });
  let port = options.port;
  const app = express();
  app.disable("x-powered-by").disable("etag").enable("case sensitive routing").enable("strict routing");
  app.set("query parser", "simple");
  app.use(securityHeaders, readsOnly, accessControl({ allowFrom: options.allowFrom, port: () => port }));
  routes(app, { sources, peerRows, mesh, events });
  pageRoutes(app);
  app.use(
    (req, res) =>
      void res.status(404).json({ error: `there is no ${req.path} here: the page is /, the API is under /api/v1` }),
  );
  app.use((err: unknown, req: Request, res: Response, next: NextFunction) => {
    log.error({ err, path: req.path }, "could not answer an HTTP request");
    if (res.headersSent) next(err);
    else
      res
        .status(500)
        .json({ error: `the agent could not answer: ${err instanceof Error ? err.message : String(err)}` });
  });

  const servers: Server[] = [];
  const stop = async (): Promise<void> => {
    events[Symbol.dispose]();
    mesh[Symbol.dispose]();
    await Promise.all(servers.splice(0).map((server) => closeServer(server, ANSWERS_END_WITHIN_MS)));
    await peerRows[Symbol.asyncDispose]();
  };
  try {
    for (const address of options.listen.length > 0 ? options.listen : [undefined]) {
      const server = createServer(app);
      server.maxConnections = MAX_CONNECTIONS;
      servers.push(server);
      // Port 0 is chosen once and kept for the other addresses.
      const at = { what: "HTTP API", port, address, option: "ports.http" };
      ({ port } = await listen(server, at, {
        failed: (err) => log.error({ err }, "the HTTP API could not take a connection"),
      }));
    }
  } catch (err) {
    await stop();
    throw err;
  }
  return { port, mesh, [Symbol.asyncDispose]: stop };
}

interface Parts {
  readonly sources: ApiSources;
  readonly peerRows: PeerRows;
  readonly mesh: MeshView;
  readonly events: MeshEvents;
}

function routes(app: Express, { sources, peerRows, mesh, events }: Parts): void {
  app.get("/healthz", (_req, res) => void res.type("text").send("ok\n"));
  app.get("/readyz", (_req, res) => {
    const readiness = sources.readiness();
    if (readiness.ready) res.type("text").send("ready\n");
    else res.status(503).type("text").send(`not ready: ${readiness.reason}\n`);
  });
  app.get("/api/v1/identity", (_req, res) => void res.json(sources.identity()));
  app.get(
    "/api/v1/peers",
    (_req, res) => void res.json({ schemaVersion: 1, node: sources.node, peers: sources.peers() }),
  );
  app.get("/api/v1/pairs", (req, res) => {
    const query = rowQuery(req);
    if ("error" in query) res.status(400).json(query);
    else res.json(sources.row(query));
  });
  app.get("/api/v1/pair", async (req, res) => {
    const { source, destination } = req.query;
    if (typeof source !== "string" || typeof destination !== "string" || source === destination) {
      res.status(400).json({ error: "name two different nodes: /api/v1/pair?source=<node>&destination=<node>" });
      return;
    }
    const pair = await queryPair({ sources, peerRows, source, destination });
    if ("unknown" in pair)
      res.status(404).json({ error: `there is no node '${pair.unknown}' in this mesh; /api/v1/mesh lists its nodes` });
    else res.json(pair);
  });
  app.get("/api/v1/mesh", async (req, res) => {
    const snapshot = await mesh.snapshot();
    await sendSnapshot(req, res, snapshot);
  });
  app.get("/api/v1/mesh/events", (req, res) => events.listen(res, { gzip: takesGzip(req) }));
}

function rowQuery(req: Request): RowQuery | { readonly error: string } {
  const { detail = "window", destination } = req.query;
  if (detail !== "window" && detail !== "seconds") return { error: "detail is 'window' or 'seconds'" };
  if (destination === undefined) return { detail };
  return typeof destination === "string" ? { detail, destination } : { error: "name one destination" };
}

async function sendSnapshot(req: Request, res: Response, snapshot: MeshSnapshot): Promise<void> {
  res.type("json");
  const parts = Readable.from(snapshot.json());
  try {
    if (takesGzip(req))
      await pipeline(parts, createGzip({ level: constants.Z_BEST_SPEED }), res.set("Content-Encoding", "gzip"));
    else await pipeline(parts, res);
  } catch (err) {
    // Who asked has gone; nothing is wrong here.
    if ((err as { code?: string }).code !== "ERR_STREAM_PREMATURE_CLOSE") throw err;
  }
}

const takesGzip = (req: Request): boolean => req.acceptsEncodings("gzip") === "gzip";

function securityHeaders(_req: Request, res: Response, next: NextFunction): void {
  res.set({
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
  });
  next();
}

function readsOnly(req: Request, res: Response, next: NextFunction): void {
  if (req.method === "GET" || req.method === "HEAD") next();
  else
    res
      .status(405)
      .set("Allow", "GET, HEAD")
      .json({ error: `${req.method} is not something this API does: it only reads` });
}
