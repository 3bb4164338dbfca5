// Port 9843: /metrics and nothing else. Prometheus may be several and slow; neither may cost the agent more than a
// bounded number of connections, responses under way and seconds.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { constants, createGzip } from "node:zlib";
import accepts from "accepts";
import { closeServer, listen } from "../base/listen.ts";
import type { Metrics } from "./metrics.ts";
import { CONTENT_TYPE } from "./text-format.ts";

export interface MetricsServerOptions {
  readonly metrics: Pick<Metrics, "scrape">;
  /** 0 lets the kernel choose. */
  readonly port: number;
  /** Addresses to bind to; empty: all. */
  readonly listen: readonly string[];
  /** A response that broke off, or a connection that could not be taken, for the log. */
  readonly failed?: (error: Error) => void;
}

export interface MetricsServer extends AsyncDisposable {
  /** Where it listens, in the order of `listen`. */
  readonly addresses: readonly { readonly address: string; readonly port: number }[];
}

const MAX_CONNECTIONS = 64;
const MAX_SCRAPES = 4;
const SCRAPE_TIMEOUT_MS = 30_000;
const IDLE_TIMEOUT_MS = 90_000; // longer than the longest scrape interval in use, so that connections are kept
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 8 * 1024;

/** Listens on every address, or throws and listens on none. */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const scrapes = { underWay: 0 };
  const servers: Server[] = [];
  const addresses: { readonly address: string; readonly port: number }[] = [];
  const close = () => Promise.all(servers.map((server) => closeServer(server)));
  try {
    for (const address of options.listen.length > 0 ? options.listen : [undefined]) {
      const server = serverFor(options, scrapes);
      servers.push(server);
      const port = { what: "/metrics", port: options.port, address, option: "ports.metrics" };
      addresses.push(await listen(server, port, { failed: (error) => options.failed?.(error) }));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    addresses,
    async [Symbol.asyncDispose]() {
      await close();
    },
  };
}

function serverFor({ metrics, failed }: MetricsServerOptions, scrapes: { underWay: number }): Server {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: IDLE_TIMEOUT_MS,
      connectionsCheckingInterval: 5_000,
    },
    (request, response) => {
      const refusal = refuse(request, scrapes.underWay);
      if (refusal) {
        const text = `${refusal.text}\n`;
        response
          .writeHead(refusal.status, {
            ...refusal.headers,
            "content-type": "text/plain; charset=utf-8",
            "content-length": Buffer.byteLength(text),
          })
          .end(text);
        return;
      }
      if (request.method === "HEAD") {
        response.writeHead(200, { "content-type": CONTENT_TYPE }).end();
        return;
      }
      scrapes.underWay += 1;
      void respond({ metrics, request, response })
        .catch((error: unknown) => {
          response.destroy(); // the length is unknown to the reader: only a cut tells it that the rest is missing
          if (!request.destroyed || !isAbort(error))
            failed?.(error instanceof Error ? error : new Error(String(error)));
        })
        .finally(() => (scrapes.underWay -= 1));
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

interface Refusal {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function refuse(request: IncomingMessage, underWay: number): Refusal | undefined {
  const path = (request.url ?? "").split("?", 1)[0];
  if (path !== "/metrics") return { status: 404, text: "Only /metrics is here." };
  if (request.method !== "GET" && request.method !== "HEAD")
    return { status: 405, text: "Only GET and HEAD.", headers: { allow: "GET, HEAD" } };
  if (underWay >= MAX_SCRAPES && request.method === "GET") {
    return {
      status: 503,
      text: `${MAX_SCRAPES} scrapes are under way already; try again.`,
      headers: { "retry-after": "1" },
    };
  }
  return undefined;
}

async function respond({
  metrics,
  request,
  response,
}: {
  readonly metrics: Pick<Metrics, "scrape">;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}): Promise<void> {
  const signal = AbortSignal.timeout(SCRAPE_TIMEOUT_MS);
  if (accepts(request).encodings(["gzip"]) === "gzip") {
    response.writeHead(200, { "content-type": CONTENT_TYPE, "content-encoding": "gzip", vary: "accept-encoding" });
    await pipeline(metrics.scrape(), createGzip({ level: constants.Z_BEST_SPEED }), response, { signal });
  } else {
    response.writeHead(200, { "content-type": CONTENT_TYPE, vary: "accept-encoding" });
    await pipeline(metrics.scrape(), response, { signal });
  }
}

/** The scraper went away before it had everything: its business, not a fault here. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_STREAM_PREMATURE_CLOSE";
}
