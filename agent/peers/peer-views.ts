// Asks another node's agent, or its host view, for what its kernel tells. Both want the token.
import { request, type IncomingMessage } from "node:http";
import { readBody } from "../base/body.ts";
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
/** Above what a view can be. */
const MAX_BYTES = 8 * 1024 * 1024;

export class PeerViews {
  readonly #token: TokenSource | undefined;
  readonly #deadlineMs: number;
  /** One question at once to each; who asks meanwhile gets the same answer. */
  readonly #underWay = new Map<string, Promise<PeerView>>();

  constructor({
    token,
    deadlineMs = DEADLINE_MS,
  }: {
    readonly token?: TokenSource | undefined;
    readonly deadlineMs?: number;
  }) {
    this.#token = token;
    this.#deadlineMs = deadlineMs;
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
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const headers = { [TOKEN_HEADER]: token.token, connection: "close" };
        request(`${url}/api/v1/node`, { headers, signal }, resolve).on("error", reject).end();
      });
      const json = await readBody(response, {
        maxBytes: MAX_BYTES,
        tooLarge: (maxBytes) => new Error(`its answer is larger than ${maxBytes} bytes`),
      });
      if (response.statusCode === 200) return { status: 200, json };
      return { status: 502, error: `${node.name} answered HTTP ${response.statusCode}: ${inItsWords(json)}` };
    } catch (err) {
      const { code, message } = err as NodeJS.ErrnoException;
      const why = signal.aborted ? `no answer within ${this.#deadlineMs / 1_000} s` : (code ?? message);
      return { status: 502, error: `${node.name} cannot be asked at ${url}: ${why}` };
    }
  }
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
