// Asks a peer's API for its row: one request with a deadline, a size limit and a reason in words when it fails.
import { Agent, request } from "undici";
import { readBody } from "../base/body.ts";
import type { Node } from "../model/peer.ts";
import { excerpt, parseRow, RowFault } from "./schema.ts";
import type { PeerApi, RowQuery } from "./peer-api.ts";

export type PeerRow =
  /** The JSON as it came, checked. */
  | { readonly kind: "row"; readonly node: Node; readonly json: Buffer }
  | { readonly kind: "missing"; readonly node: Node; readonly reason: string };

export interface PeerRowsOptions {
  readonly deadlineMs: number;
  readonly maxRowBytes: number;
}

export const PEER_ROWS_DEFAULTS: PeerRowsOptions = { deadlineMs: 1_000, maxRowBytes: 16 * 1024 * 1024 };

/** Connections are kept for the next snapshot of someone who watches, and closed soon after the last. */
const KEEP_ALIVE_MS = 6_000;

export class PeerRows implements AsyncDisposable {
  readonly #options: PeerRowsOptions;
  readonly #dispatcher: Agent;

  constructor(options: PeerRowsOptions) {
    this.#options = options;
    this.#dispatcher = new Agent({
      connections: 1,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      connect: { timeout: options.deadlineMs },
    });
  }

  /** Never rejects: what went wrong is the reason of a missing row. */
  async ask(peer: PeerApi, query: RowQuery): Promise<PeerRow> {
    const { node } = peer;
    try {
      const json = await this.#read(peer, query);
      parseRow(json.toString("utf8"), node);
      return { kind: "row", node, json };
    } catch (err) {
      const notReady = peer.serving ? "" : "; discovery says it is not ready either";
      return { kind: "missing", node, reason: this.#inWords(err, peer.url) + notReady };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatcher.destroy();
  }

  async #read({ url }: PeerApi, { detail, destination }: RowQuery): Promise<Buffer> {
    const target = new URL("/api/v1/pairs", url);
    if (detail === "seconds") target.searchParams.set("detail", detail);
    if (destination !== undefined) target.searchParams.set("destination", destination);
    // One deadline for connecting, waiting and reading: a body that trickles does not outlive it.
    using deadline = new AwakeDeadline(this.#options.deadlineMs);
    const { signal } = deadline;
    const { statusCode, body } = await request(target, {
      dispatcher: this.#dispatcher,
      signal,
      headers: { accept: "application/json" },
    });
    const read = await readBody(body, {
      maxBytes: this.#options.maxRowBytes,
      tooLarge: (maxBytes) => new RowFault(`its row is larger than ${maxBytes} bytes`),
    });
    if (statusCode !== 200)
      throw new RowFault(`it answered HTTP ${statusCode}: ${excerpt(read.toString("utf8"), 160)}`);
    return read;
  }

  #inWords(err: unknown, url: string): string {
    if (err instanceof RowFault) return err.message;
    const { host } = new URL(url);
    const { name, code, message } = err as { name?: string; code?: string; message?: string };
    if (name === "TimeoutError" || code === "UND_ERR_CONNECT_TIMEOUT" || code === "ETIMEDOUT")
      return `no answer from ${host} within ${this.#options.deadlineMs / 1_000} s`;
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
}

const DEADLINE_STEPS = 10;

/**
 * Counts only time in which this process could have read an answer: after a stall of the event loop the answer that
 * has been waiting in the socket is read before the deadline takes its next step. A stall here is no silence there.
 */
class AwakeDeadline implements Disposable {
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(deadlineMs: number) {
    let steps = 0;
    this.#timer = setInterval(() => {
      steps += 1;
      if (steps >= DEADLINE_STEPS) this.#abort.abort(new DOMException("deadline", "TimeoutError"));
    }, deadlineMs / DEADLINE_STEPS);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
