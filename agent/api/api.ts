// The agent's HTTP side: the page and /api/v1 (design §4). Reads, whose answers come from AgentView, and actions.
import express, { type NextFunction, type Request, type Response } from "express";
import { createServer, type Server } from "node:http";
import type { TokenFile } from "../base/token-file.ts";
import { closeServer, descriptorOf, listen } from "../base/listen.ts";
import type { ActionDesk } from "../actions/desk.ts";
import { accessControl } from "./access.ts";
import { actionRoutes, isActionPath } from "./actions.ts";
import { MESH_EVENTS_DEFAULTS, MeshEvents } from "./events.ts";
import { MESH_VIEW_DEFAULTS, MeshView } from "./mesh-view.ts";
import { NodeDesk } from "./node-desk.ts";
import { OwnRow } from "./own-row.ts";
import { pageRoutes } from "../page/routes.ts";
import { IDLE_CONNECTION_MS } from "../peers/peer-api.ts";
import { RowSeal } from "../peers/row-seal.ts";
import { Rows, ROWS_DEFAULTS } from "../peers/rows.ts";
import { RelayDesk } from "./relay-desk.ts";
import { readersOf, ROUTES } from "./routes.ts";
import type { AgentView } from "./agent-view.ts";

export interface ApiOptions {
  readonly sources: AgentView;
  /** 0 lets the system choose (tests). */
  readonly port: number;
  /** Addresses to listen on; empty means all. */
  readonly listen: readonly string[];
  readonly log: { error(details: object, message: string): void };
  /** Signs rows, so that they may come by way of others. */
  readonly sharedKey?: Uint8Array | undefined;
  /** Where actions are asked for; absent: there are none. */
  readonly actions?: ActionDesk | undefined;
  /** Who has it may read what the kernel tells; with it other agents and host views are asked for the same. */
  readonly token?: TokenFile | undefined;
  /** How long a peer may take to give its row. */
  readonly deadlineMs?: number;
  /**
   * Makes a listening socket, by its descriptor, send small segments. An answer must pass where large packets vanish:
   * that is the fault it has to tell of. Absent where the engine cannot.
   */
  readonly smallSegments?: (descriptor: number) => void;
  readonly maxEventClients?: number;
  readonly eventIntervalMs?: number;
}

export interface RunningApi extends AsyncDisposable {
  readonly port: number;
  /** Snapshots of the mesh, shared with those who ask over HTTP. */
  readonly mesh: Pick<MeshView, "snapshot">;
  /** Other agents' rows, directly or by way of others. */
  readonly rows: Pick<Rows, "ask" | "evidence">;
}

/** Connections at once: every peer of a large mesh, its kubelet and a few people. */
const MAX_CONNECTIONS = 2_048;
const ANSWERS_END_WITHIN_MS = 1_000;
/** Who has asked nothing by then makes room. Answers may take as long as their reader needs. */
const TIMEOUTS = {
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 5_000,
  keepAliveTimeout: IDLE_CONNECTION_MS,
};

export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const { sources, log } = options;
  const { deadlineMs = ROWS_DEFAULTS.deadlineMs } = options;
  const seal = options.sharedKey && new RowSeal(options.sharedKey);
  const peerApis = () => sources.peerApis();
  const rows = new Rows({ peerApis, deadlineMs, seal });
  const relayDesk = new RelayDesk({ peerApis, deadlineMs });
  const nodeDesk = new NodeDesk({ sources, token: options.token });
  const ownRow = new OwnRow((query) => sources.row(query), seal);
  const mesh = new MeshView({ sources, ownRow, rows, ...MESH_VIEW_DEFAULTS });
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
  app.use(
    securityHeaders,
    readsOnly,
    accessControl({
      isAgent: (address) => sources.isAgent(address),
      readersOf,
      token: options.token,
      port: () => port,
    }),
  );
  const parts = { sources, ownRow, relayDesk, nodeDesk, rows, mesh, events };
  for (const { path, answer } of ROUTES) app.get(path, (req, res) => answer(parts, req, res));
  actionRoutes(app, options.actions);
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
    await Promise.all([rows[Symbol.asyncDispose](), relayDesk[Symbol.asyncDispose]()]);
  };
  try {
    for (const address of options.listen.length > 0 ? options.listen : [undefined]) {
      const server = createServer(TIMEOUTS, app);
      server.maxConnections = MAX_CONNECTIONS;
      servers.push(server);
      // Port 0 is chosen once and kept for the other addresses.
      const at = { what: "HTTP API", port, address, option: "ports.http" };
      ({ port } = await listen(server, at, {
        failed: (err) => log.error({ err }, "the HTTP API could not take a connection"),
      }));
      limitSegments(server, options);
    }
  } catch (err) {
    await stop();
    throw err;
  }
  return { port, mesh, rows, [Symbol.asyncDispose]: stop };
}

function limitSegments(server: Server, { smallSegments, log }: ApiOptions): void {
  if (smallSegments === undefined) return;
  try {
    smallSegments(descriptorOf(server));
  } catch (err) {
    log.error({ err }, "answers of the HTTP API may not pass where the path MTU is small");
  }
}

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
  if (req.method === "GET" || req.method === "HEAD" || isActionPath(req.path)) next();
  else
    res
      .status(405)
      .set("Allow", "GET, HEAD")
      .json({ error: `${req.method} is not something this API does: but for actions it only reads` });
}
