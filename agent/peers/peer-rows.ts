// Asks a peer's API for its row: one request with a deadline, a size limit and a reason in words when it fails.
import type { Agent } from "undici";
import { OneByOne } from "../base/one-by-one.ts";
import type { Node } from "../model/peer.ts";
import type { Row } from "../model/snapshot.ts";
import { Reception, type Received } from "./reception.ts";
import { SEAL_HEADER } from "./row-seal.ts";
import { excerpt, parseRow, RowError } from "./schema.ts";
import { COMPACT_TYPE, readCompactRow, type CompactRow } from "./compact-row.ts";
import { IDLE_CONNECTION_MS, type PeerApi, type RowQuery } from "./peer-api.ts";

export type PeerRow =
  /** The JSON as it came, checked, and what it says. */
  | {
      readonly kind: "row";
      readonly node: Node;
      readonly json: Buffer;
      readonly row: Row;
      readonly seal: string | undefined;
    }
  | {
      readonly kind: "missing";
      readonly node: Node;
      readonly reason: string;
      /** Set when who was asked has said something, which is no such row: its HTTP status and its words. */
      readonly answered: { readonly status: number; readonly words: string } | undefined;
    };

export type PeerEvidence =
  { readonly kind: "compact"; readonly row: CompactRow } | Extract<PeerRow, { kind: "missing" }>;

export interface PeerRowsOptions {
  readonly deadlineMs: number;
  readonly maxRowBytes: number;
  /** Questions to one agent at once; others wait. */
  readonly connections: number;
}

export const PEER_ROWS_DEFAULTS: PeerRowsOptions = {
  deadlineMs: 1_000,
  maxRowBytes: 16 * 1024 * 1024,
  connections: 1,
};

export interface AskOptions {
  /** The agent to ask for the peer's row, by the peer's name. */
  readonly relay?: PeerApi;
  /** Called when half of the deadline has passed. */
  readonly onSlow?: () => void;
  /** Other than this object's own. */
  readonly deadlineMs?: number;
}

type Patience = Pick<AskOptions, "onSlow" | "deadlineMs">;

export class PeerRows implements AsyncDisposable {
  readonly #options: PeerRowsOptions;
  /** Loaded when a row is first asked for. */
  #dispatcher: Promise<Agent> | undefined;
  readonly #decoding = new OneByOne();

  constructor(options: PeerRowsOptions) {
    this.#options = options;
  }

  /** Never rejects: what went wrong is the reason of a missing row. */
  async ask(peer: PeerApi, query: RowQuery, { relay, ...patience }: AskOptions = {}): Promise<PeerRow> {
    const { node } = peer;
    const url = rowUrl(relay?.url ?? peer.url, query, relay && node.name);
    try {
      const { status, body, headers } = await this.#read(url, patience);
      if (status !== 200) {
        const words = inItsWords(body);
        return { kind: "missing", node, reason: `it answered HTTP ${status}: ${words}`, answered: { status, words } };
      }
      const row = parseRow(body.toString("utf8"), node);
      if (query.span !== undefined && row.covered === undefined)
        throw new RowError(`its agent (internode ${excerpt(row.version)}) keeps no past: finish the upgrade`);
      const seal = headers[SEAL_HEADER];
      return { kind: "row", node, json: body, row, seal: typeof seal === "string" ? seal : undefined };
    } catch (err) {
      return this.#failed(err, { node, url, patience });
    }
  }

  /** The same in the compact form, of its own agent only. An older agent answers 400. Never rejects. */
  async evidence(peer: PeerApi, patience: Patience = {}): Promise<PeerEvidence> {
    const { node } = peer;
    const url = rowUrl(peer.url, { detail: "evidence" }, undefined);
    try {
      const { status, body } = await this.#read(url, patience);
      if (status === 200) return { kind: "compact", row: await this.#decoding.do(() => readCompactRow(body, node)) };
      const words = inItsWords(body);
      return { kind: "missing", node, reason: `it answered HTTP ${status}: ${words}`, answered: { status, words } };
    } catch (err) {
      return this.#failed(err, { node, url, patience });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#dispatcher)?.destroy();
  }

  async #openDispatcher(): Promise<Agent> {
    const { connections, deadlineMs } = this.#options;
    const { Agent: HttpAgent } = await import("../base/http-agent.ts");
    return new HttpAgent({
      connections,
      pipelining: 1,
      keepAliveTimeout: IDLE_CONNECTION_MS,
      keepAliveMaxTimeout: IDLE_CONNECTION_MS,
      connect: { timeout: deadlineMs },
    });
  }

  #failed(
    err: unknown,
    { node, url, patience }: { readonly node: Node; readonly url: URL; readonly patience: Patience },
  ): Extract<PeerRow, { kind: "missing" }> {
    const reason = inWords(err, url, patience.deadlineMs ?? this.#options.deadlineMs);
    const answered = err instanceof RowError ? { status: 200, words: reason } : undefined;
    return { kind: "missing", node, reason, answered };
  }

  async #read(url: URL, { deadlineMs = this.#options.deadlineMs, onSlow }: Patience): Promise<Received> {
    const { maxRowBytes } = this.#options;
    const reception = new Reception({
      maxBytes: maxRowBytes,
      tooLarge: () => new RowError(`its row is larger than ${maxRowBytes} bytes`),
    });
    // One deadline for connecting, waiting and reading: a body that trickles does not outlive it.
    const deadline = new AwakeDeadline(deadlineMs, {
      half: onSlow,
      passed: () => reception.abort(new DOMException("deadline", "TimeoutError")),
    });
    // An abort is heard below: loading the client takes far less than a deadline.
    reception.received.catch(() => {});
    try {
      const dispatcher = await (this.#dispatcher ??= this.#openDispatcher());
      dispatcher.dispatch(
        {
          origin: url.origin,
          path: url.pathname + url.search,
          method: "GET",
          headers: { accept: `application/json, ${COMPACT_TYPE}` },
        },
        reception,
      );
      return await reception.received;
    } finally {
      deadline.stop();
    }
  }
}

function inWords(err: unknown, { host }: URL, deadlineMs: number): string {
  if (err instanceof RowError) return err.message;
  const { name, code, message } = err as { name?: string; code?: string; message?: string };
  if (name === "TimeoutError" || code === "UND_ERR_CONNECT_TIMEOUT" || code === "ETIMEDOUT")
    return `no answer from ${host} within ${deadlineMs / 1_000} s`;
  switch (code) {
    case "ECONNREFUSED":
      return `nothing listens at ${host} (connection refused)`;
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return `${host} cannot be reached (${code})`;
    case "ECONNRESET":
    case "UND_ERR_SOCKET":
      return `${host} closed the connection in the middle of its answer`;
    default:
      return `asking ${host} failed: ${excerpt(message ?? String(err), 160)}`;
  }
}

function rowUrl(base: string, { detail, destination, span }: RowQuery, of: string | undefined): URL {
  const url = new URL("/api/v1/pairs", base);
  if (of !== undefined) url.searchParams.set("of", of);
  if (detail !== "window") url.searchParams.set("detail", detail);
  if (destination !== undefined) url.searchParams.set("destination", destination);
  for (const [name, moment] of Object.entries(span ?? {})) url.searchParams.set(name, moment);
  return url;
}

/** The `error` of our own API, or the beginning of what another program says. */
function inItsWords(body: Buffer): string {
  const text = body.toString("utf8");
  try {
    const { error } = JSON.parse(text) as { readonly error?: unknown };
    if (typeof error === "string") return excerpt(error, 300);
  } catch {
    // Not our API.
  }
  return excerpt(text, 160);
}

const DEADLINE_STEPS = 10;

/**
 * Counts only time in which this process could have read an answer: after a stall of the event loop the answer that
 * has been waiting in the socket is read before the deadline takes its next step. A stall here is no silence there.
 */
class AwakeDeadline {
  readonly #timer: NodeJS.Timeout;

  constructor(
    deadlineMs: number,
    { half, passed }: { readonly half: (() => void) | undefined; readonly passed: () => void },
  ) {
    let steps = 0;
    this.#timer = setInterval(() => {
      steps += 1;
      if (steps === DEADLINE_STEPS / 2) half?.();
      if (steps < DEADLINE_STEPS) return;
      clearInterval(this.#timer);
      passed();
    }, deadlineMs / DEADLINE_STEPS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
