// Asks another node's agent, or its host view, for what its kernel tells. Both want the token.
import { Agent, request, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { readBody } from "../base/body.ts";
import { inTurn } from "../base/in-turn.ts";
import { TOKEN_HEADER } from "../base/token-header.ts";
import type { PeerApi } from "./peer-api.ts";

/** Where the token comes from: a mounted Secret that is read again when it changes. */
export interface TokenSource {
  token(): Promise<
    { readonly kind: "token"; readonly token: string } | { readonly kind: "none"; readonly why: string }
  >;
}

export type PeerView =
  { readonly status: 200; readonly json: Buffer } | { readonly status: number; readonly error: string };

const DEADLINE_MS = 3_000;
const CONNECTING_WITHIN_MS = 3_000;
const unpack = promisify(gunzip);
const CONNECTING_AT_ONCE = 8;
/** Above what a view can be. */
const MAX_BYTES = 8 * 1024 * 1024;

export class PeerViews implements Disposable {
  readonly #token: TokenSource | undefined;
  /** Where connections are kept: one to each. */
  readonly #kept: Agent | undefined;
  readonly #deadlineMs: number;
  /** One question at once to each; who asks meanwhile gets the same answer. */
  readonly #underWay = new Map<string, Promise<PeerView>>();

  constructor({
    token,
    deadlineMs = DEADLINE_MS,
    keepsConnections = false,
  }: {
    readonly token?: TokenSource | undefined;
    readonly deadlineMs?: number;
    readonly keepsConnections?: boolean;
  }) {
    this.#token = token;
    this.#deadlineMs = deadlineMs;
    this.#kept = keepsConnections ? new Agent({ keepAlive: true, maxSockets: 1 }) : undefined;
  }

  /**
   * Opens the connections that are not open, and uses those that are so that they stay. A node whose connection tracking
   * table is full answers on a connection that it knows, and takes no new one. Never rejects.
   */
  async stayConnected(apis: readonly PeerApi[]): Promise<void> {
    await inTurn(apis, CONNECTING_AT_ONCE, async ({ url }) => {
      const signal = AbortSignal.timeout(CONNECTING_WITHIN_MS);
      await this.#get(`${url}/healthz`, { signal })
        .then((response) => readBody(response, { maxBytes: 1_024, tooLarge: () => new Error("no health") }))
        .catch(() => undefined);
    });
  }

  [Symbol.dispose](): void {
    this.#kept?.destroy();
  }

  #get(url: string, options: { readonly signal: AbortSignal; readonly headers?: OutgoingHttpHeaders }) {
    const { headers = {}, signal } = options;
    const connection = this.#kept ? { agent: this.#kept, headers } : { headers: { ...headers, connection: "close" } };
    return new Promise<IncomingMessage>((resolve, reject) => {
      request(url, { signal, ...connection }, resolve)
        .on("error", reject)
        .end();
    });
  }

  /** Never rejects: what went wrong is the error. */
  ask(api: PeerApi): Promise<PeerView> {
    let asked = this.#underWay.get(api.url);
    if (!asked) {
      asked = this.#ask(api).finally(() => this.#underWay.delete(api.url));
      this.#underWay.set(api.url, asked);
    }
    return asked;
  }

  async #ask({ node, url }: PeerApi): Promise<PeerView> {
    const token = await this.#token?.token();
    if (token?.kind !== "token")
      return {
        status: 503,
        error: `this agent has no token to ask ${node.name} with: ${token?.why ?? "none is configured (tokenFile; the chart mounts one with hostView.enabled)"}`,
      };
    const signal = AbortSignal.timeout(this.#deadlineMs);
    try {
      // Packed it is a packet or two, which still come from a node that loses most of what it sends.
      const headers = { [TOKEN_HEADER]: token.token, "accept-encoding": "gzip" };
      const response = await this.#get(`${url}/api/v1/node`, { headers, signal });
      const json = await readView(response);
      if (response.statusCode === 200) return { status: 200, json };
      return { status: 502, error: `${node.name} answered HTTP ${response.statusCode}: ${inItsWords(json)}` };
    } catch (err) {
      const { code, message } = err as NodeJS.ErrnoException;
      const why = signal.aborted ? `no answer within ${this.#deadlineMs / 1_000} s` : (code ?? message);
      return { status: 502, error: `${node.name} cannot be asked at ${url}: ${why}` };
    }
  }
}

async function readView(response: IncomingMessage): Promise<Buffer> {
  const tooLarge = (maxBytes: number) => new Error(`its answer is larger than ${maxBytes} bytes`);
  const body = await readBody(response, { maxBytes: MAX_BYTES, tooLarge });
  if (response.headers["content-encoding"] !== "gzip") return body;
  return unpack(body, { maxOutputLength: MAX_BYTES }).catch((err: NodeJS.ErrnoException) => {
    throw err.code === "ERR_BUFFER_TOO_LARGE" ? tooLarge(MAX_BYTES) : err;
  });
}

function inItsWords(body: Buffer): string {
  const text = body.toString("utf8").slice(0, 2_000);
  try {
    const { error } = JSON.parse(text) as { readonly error?: unknown };
    if (typeof error === "string") return error.slice(0, 300);
  } catch {
    // Not JSON: somebody else's answer.
  }
  return text.slice(0, 200);
}
