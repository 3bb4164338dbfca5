// A process that speaks the part of the Kubernetes API that discovery uses, over TLS, as the real one does: list in
// pages, watch with bookmarks, compaction, tokens, client certificates; and the ways it fails. Started and steered by
// api-server-process.ts; state lives here, so that killing this process is a real outage.
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createPlainServer } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket, type PeerCertificate } from "node:tls";

export interface Slice {
  readonly addressType?: string;
  readonly service?: string;
  readonly namespace?: string;
  readonly endpoints: readonly object[];
}

/** What the server does wrong, until told otherwise. */
export interface Behaviour {
  /** Bearer tokens it accepts; undefined accepts all. */
  readonly tokens?: readonly string[];
  /** Answer every request with this status. */
  readonly status?: { readonly code: number; readonly message: string };
  /** Answer lists, or watches, with these bytes instead. */
  readonly listBody?: string;
  readonly watchBody?: string;
  /** Take connections and requests, and never answer. */
  readonly mute?: boolean;
  readonly delayMs?: number;
  /** How a watch from before the compaction is told: HTTP 410, or an ERROR event in the stream. */
  readonly goneAs?: "status" | "event";
  /** Watches end at once, normally. */
  readonly endWatches?: boolean;
  /** Continue tokens are expired. */
  readonly expireContinue?: boolean;
  readonly bookmarkEveryMs?: number;
  /** At most so many slices on a page, whatever the client asks. */
  readonly pageSlices?: number;
}

/** How it takes connections, for as long as it runs. */
export interface Transport {
  /** HTTP without TLS. */
  readonly plain?: boolean;
  /** Connections without a client certificate of the authority in ca.crt are closed. */
  readonly demandsCertificate?: boolean;
  readonly maxVersion?: "TLSv1.1" | "TLSv1.2";
}

export interface SeenRequest {
  readonly kind: "list" | "watch" | "other";
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
  readonly clientCertificate: string | undefined;
  readonly status: number;
}

export type Command =
  | { readonly do: "apply"; readonly name: string; readonly slice: Slice }
  | { readonly do: "delete"; readonly name: string }
  | { readonly do: "behave"; readonly behaviour: Behaviour }
  /** History up to now is no longer served. */
  | { readonly do: "compact" }
  | { readonly do: "cut-watches" }
  /** The watches that are open now stay open and bring nothing more: half-open connections as the client sees them. */
  | { readonly do: "silence-watches" }
  | { readonly do: "write-to-watches"; readonly text: string }
  | { readonly do: "down" }
  | { readonly do: "up" }
  | { readonly do: "seen" };

export interface Reply {
  readonly port: number;
  readonly resourceVersion: number;
  readonly openWatches: number;
  readonly seen: readonly SeenRequest[];
}

const LABEL = "kubernetes.io/service-name";
const PATH = /^\/apis\/discovery\.k8s\.io\/v1\/namespaces\/([^/]+)\/endpointslices$/;

interface Stored {
  readonly kind: "EndpointSlice";
  readonly apiVersion: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly resourceVersion: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly addressType: string;
  readonly endpoints: readonly object[];
}
interface Change {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: Stored;
}
interface Watch {
  readonly response: ServerResponse;
  readonly matches: (object: Stored) => boolean;
  silent: boolean;
}

const stored = new Map<string, Stored>();
const history: Change[] = [];
const watches = new Set<Watch>();
const sockets = new Set<Duplex>();
const seen: SeenRequest[] = [];
let behaviour: Behaviour = {};
let version = 100;
let compactedTo = 0;
let port = 0;

const [directory, transportJson = "{}"] = process.argv.slice(2);
const transport = JSON.parse(transportJson) as Transport;
const onRequest = (request: IncomingMessage, response: ServerResponse): void =>
  void setTimeout(() => answer(request, response), behaviour.delayMs ?? 0);
const server =
  transport.plain === true
    ? createPlainServer(onRequest)
    : createServer(
        {
          key: readFileSync(`${directory}/server.key`),
          cert: readFileSync(`${directory}/server.crt`),
          ca: readFileSync(`${directory}/ca.crt`),
          requestCert: true,
          rejectUnauthorized: transport.demandsCertificate ?? false,
          ...(transport.maxVersion && {
            minVersion: "TLSv1",
            maxVersion: transport.maxVersion,
            ciphers: "DEFAULT:@SECLEVEL=0",
          }),
        },
        onRequest,
      );
server.on("connection", (socket) =>
  sockets.add(socket.on("close", () => sockets.delete(socket)).on("error", () => {})),
);

function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "https://api");
  const query = Object.fromEntries(url.searchParams);
  const namespace = PATH.exec(url.pathname)?.[1];
  const kind = namespace === undefined ? "other" : query["watch"] === undefined ? "list" : "watch";
  // null on a connection that is closed already.
  const peer =
    request.socket instanceof TLSSocket ? (request.socket.getPeerCertificate() as PeerCertificate | null) : undefined;
  const see = (status: number): void => {
    seen.push({
      kind,
      path: url.pathname,
      query,
      authorization: request.headers.authorization,
      clientCertificate: peer?.subject === undefined ? undefined : String(peer.subject.CN),
      status,
    });
  };
  const refuse = (code: number, message: string): void => {
    see(code);
    response
      .writeHead(code, { "content-type": "application/json" })
      .end(JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", code, message }));
  };
  if (behaviour.mute) return see(0);
  if (behaviour.status) return refuse(behaviour.status.code, behaviour.status.message);
  if (behaviour.tokens && !behaviour.tokens.some((token) => request.headers.authorization === `Bearer ${token}`))
    return refuse(401, "Unauthorized");
  if (namespace === undefined) return refuse(404, "the server could not find the requested resource");
  const service = query["labelSelector"]?.split("=")[1];
  const matches = (object: Stored): boolean =>
    object.metadata.namespace === namespace && object.metadata.labels[LABEL] === service;
  const body = kind === "list" ? behaviour.listBody : behaviour.watchBody;
  if (body !== undefined) {
    see(200);
    response.writeHead(200, { "content-type": "application/json" }).end(body);
    return;
  }
  if (kind === "list") list();
  else watch();

  function list(): void {
    if (query["continue"] !== undefined && behaviour.expireContinue)
      return refuse(410, "The provided continue parameter is too old");
    const proceed = query["continue"] === undefined ? { at: version, from: 0 } : position(query["continue"]);
    if (proceed === undefined) return refuse(400, "continue key is not valid");
    const all = [...stored.values()].filter(matches);
    const limit = Math.min(Number(query["limit"] ?? Infinity), behaviour.pageSlices ?? Infinity);
    const items = all.slice(proceed.from, proceed.from + limit);
    const rest = all.length - proceed.from - items.length;
    const next =
      rest > 0
        ? {
            continue: Buffer.from(JSON.stringify({ at: proceed.at, from: proceed.from + items.length })).toString(
              "base64url",
            ),
            remainingItemCount: rest,
          }
        : {};
    see(200);
    response.writeHead(200, { "content-type": "application/json" }).end(
      JSON.stringify({
        kind: "EndpointSliceList",
        apiVersion: "discovery.k8s.io/v1",
        metadata: { resourceVersion: String(proceed.at), ...next },
        items,
      }),
    );
  }

  function watch(): void {
    const from = Number(query["resourceVersion"]);
    const isGone = from < compactedTo;
    if (isGone && behaviour.goneAs !== "event") return refuse(410, "too old resource version");
    if (from > version) return refuse(504, `Timeout: Too large resource version: ${from}, current: ${version}`);
    see(200);
    response.writeHead(200, { "content-type": "application/json", "transfer-encoding": "chunked" });
    response.flushHeaders();
    if (isGone)
      return void response.end(
        line("ERROR", { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" }),
      );
    if (behaviour.endWatches) return void response.end();
    const open: Watch = { response, matches, silent: false };
    for (const change of history)
      if (change.version > from && matches(change.object)) send(open, line(change.type, change.object));
    watches.add(open);
    const bookmarks = setInterval(() => {
      send(
        open,
        line("BOOKMARK", {
          kind: "EndpointSlice",
          apiVersion: "discovery.k8s.io/v1",
          metadata: { resourceVersion: String(version), creationTimestamp: null },
          endpoints: null,
          addressType: "",
        }),
      );
    }, behaviour.bookmarkEveryMs ?? 60_000);
    const end = setTimeout(() => open.silent || response.end(), Number(query["timeoutSeconds"]) * 1_000);
    response
      .on("error", () => {})
      .on("close", () => {
        watches.delete(open);
        clearInterval(bookmarks);
        clearTimeout(end);
      });
  }
}

/** What a continue key of ours says; undefined for another, as an endless list of before may have left it in a request under way. */
function position(key: string): { readonly at: number; readonly from: number } | undefined {
  try {
    return JSON.parse(Buffer.from(key, "base64url").toString()) as { at: number; from: number };
  } catch {
    return undefined;
  }
}

const line = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;

function send({ response, silent }: Watch, text: string): void {
  if (!silent) response.write(text);
}

function change(type: Change["type"], object: Stored): void {
  const entry: Change = { version, type, object };
  history.push(entry);
  for (const watch of watches) if (watch.matches(object)) send(watch, line(type, object));
}

function apply(
  name: string,
  { addressType = "IPv4", service = "internode", namespace = "monitoring", endpoints }: Slice,
): void {
  version += 1;
  const type = stored.has(name) ? "MODIFIED" : "ADDED";
  const object: Stored = {
    kind: "EndpointSlice",
    apiVersion: "discovery.k8s.io/v1",
    metadata: { name, namespace, resourceVersion: String(version), labels: { [LABEL]: service } },
    addressType,
    endpoints,
  };
  stored.set(name, object);
  change(type, object);
}

function remove(name: string): void {
  const last = stored.get(name);
  if (!last) return;
  version += 1;
  stored.delete(name);
  change("DELETED", { ...last, metadata: { ...last.metadata, resourceVersion: String(version) } });
}

async function obey(command: Command): Promise<void> {
  switch (command.do) {
    case "apply":
      return apply(command.name, command.slice);
    case "delete":
      return remove(command.name);
    case "behave":
      behaviour = command.behaviour;
      return;
    case "compact":
      version += 1;
      compactedTo = version;
      history.length = 0;
      return;
    case "cut-watches":
      for (const { response } of watches) response.socket?.destroy();
      return;
    case "silence-watches":
      for (const watch of watches) watch.silent = true;
      return;
    case "write-to-watches":
      for (const { response } of watches) response.write(command.text);
      return;
    case "down":
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    case "up":
      return new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
    case "seen":
  }
}

process.on("message", (message: { readonly id: number; readonly command: Command }) => {
  void obey(message.command).then(() => {
    const reply: Reply = { port, resourceVersion: version, openWatches: watches.size, seen };
    process.send?.({ id: message.id, reply });
  });
});
process.on("disconnect", () => process.exit(0));
server.listen(0, "127.0.0.1", () => {
  port = (server.address() as AddressInfo).port;
  process.send?.({ id: 0, reply: { port, resourceVersion: version, openWatches: 0, seen } satisfies Reply });
});
