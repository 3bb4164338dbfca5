// Every path of the API: who may read it, and what it answers.
import type { Request, Response } from "express";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { constants, createGzip, gzip } from "node:zlib";
import { parseSpan, type Span } from "../base/span.ts";
import type { FindingsKind } from "../judge/judging.ts";
import type { RowQuery } from "../peers/peer-api.ts";
import { COMPACT_TYPE } from "../peers/compact-row.ts";
import { SEAL_HEADER } from "../peers/row-seal.ts";
import type { Rows } from "../peers/rows.ts";
import type { Readers } from "./access.ts";
import { isActionPath } from "./actions.ts";
import type { MeshEvents } from "./events.ts";
import type { MeshSnapshot, MeshView } from "./mesh-view.ts";
import { WHOSE, type NodeDesk } from "./node-desk.ts";
import type { OwnRow } from "./own-row.ts";
import { queryPair } from "./pair-query.ts";
import type { RelayDesk } from "./relay-desk.ts";
import type { AgentView } from "./agent-view.ts";

export interface Parts {
  readonly sources: AgentView;
  readonly ownRow: OwnRow;
  readonly relayDesk: RelayDesk;
  readonly nodeDesk: NodeDesk;
  readonly rows: Pick<Rows, "ask">;
  readonly mesh: MeshView;
  readonly events: MeshEvents;
}

export interface Route {
  readonly path: string;
  /** What a request asks for besides may need more. */
  readonly readers: Readers | ((req: Request) => Readers);
  readonly answer: (parts: Parts, req: Request, res: Response) => void | Promise<void>;
}

export const ROUTES: readonly Route[] = [
  { path: "/healthz", readers: "anyone", answer: (_parts, _req, res) => void res.type("text").send("ok\n") },
  { path: "/readyz", readers: "anyone", answer: ready },
  {
    path: "/api/v1/identity",
    readers: "anyone",
    answer: ({ sources }, _req, res) => void res.json(sources.identity()),
  },
  {
    path: "/api/v1/pairs",
    readers: ({ query }) => (Object.keys(query).some((name) => name !== "destination") ? "agents" : "anyone"),
    answer: pairs,
  },
  {
    path: "/api/v1/peers",
    readers: "loopback",
    answer: ({ sources }, _req, res) =>
      void res.json({
        schemaVersion: 1,
        node: sources.node,
        extent: sources.extent(),
        peers: sources.peers(),
        unusable: sources.unusable(),
      }),
  },
  { path: "/api/v1/pair", readers: "loopback", answer: pair },
  {
    path: "/api/v1/node",
    // Whoever asks an agent to ask others makes it use its own token, so that is for loopback.
    readers: ({ query }) => (Object.keys(query).length === 0 ? "token" : "loopback"),
    answer: node,
  },
  {
    path: "/api/v1/mesh",
    readers: "loopback",
    answer: meshAt,
  },
  { path: "/api/v1/verdict", readers: "agents", answer: (parts, req, res) => findings("verdict", parts, req, res) },
  { path: "/api/v1/findings", readers: "agents", answer: (parts, req, res) => findings("findings", parts, req, res) },
  {
    path: "/api/v1/mesh/events",
    readers: "loopback",
    answer: ({ events }, req, res) => events.listen(res, { gzip: takesGzip(req), headOnly: req.method === "HEAD" }),
  },
];

/** The page, and what does not exist, are for loopback. */
export function readersOf(req: Request): Readers {
  // With the token, which the desk asks for.
  if (isActionPath(req.path)) return "agents";
  const readers = ROUTES.find(({ path }) => path === req.path)?.readers ?? "loopback";
  return typeof readers === "function" ? readers(req) : readers;
}

function ready({ sources }: Parts, _req: Request, res: Response): void {
  const readiness = sources.readiness();
  if (readiness.ready) res.type("text").send("ready\n");
  else res.status(503).type("text").send(`not ready: ${readiness.reason}\n`);
}

async function pairs({ sources, ownRow, relayDesk }: Parts, req: Request, res: Response): Promise<void> {
  const query = rowQuery(req);
  if ("error" in query) return void res.status(400).json(query);
  const { of } = req.query;
  if (of !== undefined && typeof of !== "string")
    return void res.status(400).json({ error: "name one node with 'of'" });
  const row = of === undefined || of === sources.node.name ? ownRow.give(query) : await relayDesk.ask(of, query);
  if ("error" in row) return void res.status(row.status).json({ error: row.error });
  if (row.seal !== undefined) res.set(SEAL_HEADER, row.seal);
  res.type(query.detail === "evidence" ? COMPACT_TYPE : "json").send(row.json);
}

async function node({ nodeDesk }: Parts, req: Request, res: Response): Promise<void> {
  const { of, namespace } = req.query;
  if (of !== undefined && typeof of !== "string")
    return void res.status(400).json({ error: "name one node with 'of'" });
  const whose = WHOSE.find((word) => word === namespace);
  if (namespace !== undefined && whose === undefined)
    return void res.status(400).json({ error: `namespace is one of ${WHOSE.join(", ")}` });
  const answer = await nodeDesk.ask({ ...(of !== undefined && { of }), ...(whose && { namespace: whose }) });
  if ("error" in answer) res.status(answer.status).json({ error: answer.error });
  else if (takesGzip(req))
    res
      .type("json")
      .set("Content-Encoding", "gzip")
      .send(await packed(answer.json));
  else res.type("json").send(answer.json);
}

async function pair({ sources, rows }: Parts, req: Request, res: Response): Promise<void> {
  const { source, destination } = req.query;
  if (typeof source !== "string" || typeof destination !== "string" || source === destination) {
    res.status(400).json({ error: "name two different nodes: /api/v1/pair?source=<node>&destination=<node>" });
    return;
  }
  const pair = await queryPair({ sources, rows, source, destination });
  if ("unknown" in pair)
    res.status(404).json({ error: `there is no node '${pair.unknown}' in this mesh; /api/v1/mesh lists its nodes` });
  else res.json(pair);
}

async function findings(kind: FindingsKind, { sources }: Parts, req: Request, res: Response): Promise<void> {
  const { by } = req.query;
  if (by !== undefined && typeof by !== "string")
    return void res.status(400).json({ error: "name one node with 'by'" });
  const answer = await sources.findings({ kind, ...(by !== undefined && { by }) });
  if ("error" in answer) res.status(answer.status).json({ error: answer.error });
  else res.json(answer.document);
}

function rowQuery(req: Request): RowQuery | { readonly error: string } {
  const { detail = "window", destination } = req.query;
  if (detail !== "window" && detail !== "seconds" && detail !== "evidence")
    return { error: "detail is 'window', 'seconds' or 'evidence'" };
  const span = askedSpan(req);
  if (span && "error" in span) return span;
  if (span && detail !== "window") return { error: `the past is kept in minutes: leave out detail=${detail}` };
  if (destination !== undefined && typeof destination !== "string") return { error: "name one destination" };
  if (detail === "evidence" && (destination !== undefined || req.query["of"] !== undefined))
    return { error: "the compact form is of a whole row, and of the agent's own: leave out 'destination' and 'of'" };
  return { detail, ...(destination !== undefined && { destination }), ...(span && { span }) };
}

function askedSpan({ query: { since, until } }: Request): Span | { readonly error: string } | undefined {
  if (since === undefined && until === undefined) return undefined;
  if (typeof since !== "string" || (until !== undefined && typeof until !== "string"))
    return { error: "give one 'since', and one 'until' or none" };
  return parseSpan({ since, until }, Date.now());
}

async function meshAt({ mesh }: Parts, req: Request, res: Response): Promise<void> {
  const span = askedSpan(req);
  if (span && "error" in span) return void res.status(400).json(span);
  await sendSnapshot(req, res, await mesh.snapshot(span));
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

const packed = promisify(gzip);
const takesGzip = (req: Request): boolean => req.acceptsEncodings("gzip") === "gzip";
