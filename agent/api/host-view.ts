// The host view's HTTP side: what the kernel of a node tells, for who has the token, and whether it is alive. Nothing
// else: no page, no action, no relay.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import accepts from "accepts";
import { closeServer, listen } from "../base/listen.ts";
import type { TokenFile } from "../base/token-file.ts";
import { TOKEN_HEADER } from "../base/token-header.ts";
import type { NodeView } from "../model/node-view.ts";
import { onceFor } from "../base/once.ts";
import { isSafeHost } from "./access.ts";

export interface HostViewOptions {
  readonly view: () => Promise<NodeView>;
  readonly token: Pick<TokenFile, "judge">;
  readonly port: number;
  /** Addresses to listen on; empty means all. */
  readonly listen: readonly string[];
  readonly log: { error(details: object, message: string): void };
}

const MAX_CONNECTIONS = 64;
const ANSWERS_END_WITHIN_MS = 1_000;
/** `keepAliveTimeout`: judges keep a connection, and use it twice a minute. */
const TIMEOUTS = {
  keepAliveTimeout: 90_000,
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 5_000,
};
const HEADERS = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
};

const written = onceFor((view: NodeView) => JSON.stringify(view));
const packed = onceFor((view: NodeView) => promisify(gzip)(written(view)));

/** Port 0 lets the system choose (tests). */
export async function startHostView(options: HostViewOptions): Promise<{ readonly port: number } & AsyncDisposable> {
  const { log } = options;
  const servers: Server[] = [];
  let { port } = options;
  const stop = async () => {
    await Promise.all(servers.splice(0).map((server) => closeServer(server, ANSWERS_END_WITHIN_MS)));
  };
  try {
    for (const address of options.listen.length > 0 ? options.listen : [undefined]) {
      const server = createServer(TIMEOUTS, (req, res) => {
        answer(options, req, res).catch((err: unknown) => {
          log.error({ err }, "could not answer an HTTP request");
          if (!res.headersSent) reply(res, 500, { error: "the host view could not read the kernel; its log says why" });
        });
      });
      server.maxConnections = MAX_CONNECTIONS;
      servers.push(server);
      const at = { what: "host view", port, address, option: "ports.hostView" };
      ({ port } = await listen(server, at, {
        failed: (err) => log.error({ err }, "the host view could not take a connection"),
      }));
    }
  } catch (err) {
    await stop();
    throw err;
  }
  return { port, [Symbol.asyncDispose]: stop };
}

async function answer({ view, token }: HostViewOptions, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { pathname } = new URL(req.url ?? "/", "http://host");
  if (req.method !== "GET" && req.method !== "HEAD") {
    res.setHeader("Allow", "GET, HEAD");
    return reply(res, 405, { error: "the host view only reads" });
  }
  // A web page that rebinds DNS sends its own name.
  if (!isSafeHost(req.headers.host))
    return reply(res, 403, { error: "the Host header names neither localhost nor an address" });
  if (pathname === "/healthz") return reply(res, 200, { status: "ok" });
  const given = req.headers[TOKEN_HEADER];
  const judged = await token.judge(typeof given === "string" ? given : undefined);
  if (judged.kind !== "right") return reply(res, judged.kind === "missing" ? 401 : 403, { error: WHY[judged.kind] });
  if (pathname !== "/api/v1/node")
    return reply(res, 404, { error: "the host view answers /api/v1/node and /healthz, and nothing else" });
  const seen = await view();
  const isPacked = accepts(req).encodings(["gzip"]) === "gzip";
  const body = isPacked ? await packed(seen) : written(seen);
  res
    .writeHead(200, {
      ...HEADERS,
      "Content-Type": "application/json; charset=utf-8",
      Vary: "accept-encoding",
      ...(isPacked && { "Content-Encoding": "gzip" }),
    })
    .end(req.method === "HEAD" ? "" : body);
}

const WHY = {
  missing: "the host view wants the token of this installation in X-Internode-Token",
  wrong: "this is not the token of this installation",
  none: "the host view cannot read its token, and so answers nobody: its log says why",
} as const;

function reply(res: ServerResponse, status: number, body: object): void {
  res
    .writeHead(status, { ...HEADERS, "Content-Type": "application/json; charset=utf-8" })
    .end(`${JSON.stringify(body)}\n`);
}
