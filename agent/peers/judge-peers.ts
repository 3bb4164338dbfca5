// Asks another agent for its own judgement: whether it is alive, and what it says. It is asked by node name and answers
// for itself only, so that a question never travels on.
import type { Agent } from "undici";
import { readBody } from "../base/body.ts";
import type { Findings, Verdict } from "../model/finding.ts";
import { parseFindings, parseVerdict } from "./finding-schema.ts";
import type { PeerApi } from "./peer-api.ts";

export interface JudgePeersOptions {
  readonly deadlineMs: number;
}

const DEFAULTS: JudgePeersOptions = { deadlineMs: 2_000 };
const MAX_BYTES = 4 * 1024 * 1024;
/** Longer than the pause between two questions, so that one connection serves them all. */
const KEEP_ALIVE_MS = 12_000;

export class JudgePeers implements AsyncDisposable {
  readonly #options: JudgePeersOptions;
  #dispatcher: Promise<Agent> | undefined;

  constructor(options: Partial<JudgePeersOptions> = {}) {
    this.#options = { ...DEFAULTS, ...options };
  }

  /**
   * It judges, or would if it were its turn. One whose judging hangs answers 503, an agent older than judges 403:
   * neither can be relied on. Never rejects.
   */
  async isAlive(peer: PeerApi): Promise<boolean> {
    const answer = await this.#ask(peer, "HEAD", "verdict");
    return answer?.status === 200 || answer?.status === 404;
  }

  /** What it judges itself; undefined when it does not, or cannot be asked. Never rejects. */
  async verdict(peer: PeerApi): Promise<Verdict | undefined> {
    return this.#own(peer, "verdict", parseVerdict);
  }

  async findings(peer: PeerApi): Promise<Findings | undefined> {
    return this.#own(peer, "findings", parseFindings);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#dispatcher)?.destroy();
  }

  async #own<T extends Verdict>(
    peer: PeerApi,
    what: "verdict" | "findings",
    parse: (said: unknown) => T | undefined,
  ): Promise<T | undefined> {
    const answer = await this.#ask(peer, "GET", what);
    if (answer?.status !== 200) return undefined;
    try {
      const said = parse(JSON.parse(answer.body.toString("utf8")));
      return said?.by.name === peer.node.name ? said : undefined;
    } catch {
      return undefined;
    }
  }

  async #ask(
    { url, node }: PeerApi,
    method: "HEAD" | "GET",
    what: "verdict" | "findings",
  ): Promise<{ readonly status: number; readonly body: Buffer } | undefined> {
    const target = new URL(`/api/v1/${what}`, url);
    target.searchParams.set("by", node.name);
    try {
      const dispatcher = await (this.#dispatcher ??= this.#open());
      const { statusCode, body } = await dispatcher.request({
        origin: target.origin,
        path: target.pathname + target.search,
        method,
        signal: AbortSignal.timeout(this.#options.deadlineMs),
        headers: { accept: "application/json" },
        // After HEAD undici closes a connection, for servers that send a body all the same. Agents do not.
        reset: false,
      });
      const tooLarge = (maxBytes: number) => new Error(`more than ${maxBytes} bytes`);
      return { status: statusCode, body: await readBody(body, { maxBytes: MAX_BYTES, tooLarge }) };
    } catch {
      return undefined;
    }
  }

  async #open(): Promise<Agent> {
    const { Agent: HttpAgent } = await import("../base/http-agent.ts");
    return new HttpAgent({
      connections: 2,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      connect: { timeout: this.#options.deadlineMs },
    });
  }
}
