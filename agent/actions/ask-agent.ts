// Asking another agent for an action, or as a keeper. With the token that both have.
import type { Agent, Dispatcher } from "undici";
import { readBody } from "../base/body.ts";
import { forText } from "../base/escape.ts";
import { VERSION } from "../model/version.ts";
import { ActionError } from "./action.ts";
import { CALLER_HEADER, FORWARDED_HEADER, LinesError, readLines, TOKEN_HEADER, type Line } from "./lines.ts";

export interface AskedAgent {
  readonly node: string;
  readonly url: string;
}

export interface Ask {
  readonly path: string;
  readonly body: unknown;
  readonly token: string;
  /** Name of the agent that asks. */
  readonly from: string;
  /** Who asked that agent. */
  readonly caller?: string | undefined;
  readonly signal: AbortSignal;
}

const CONNECT_MS = 3_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/** An agent said no: its status and its words, which go to whoever asked. */
export class RefusedByAgent extends ActionError {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class AgentAsker implements AsyncDisposable {
  #dispatcher: Agent | undefined;

  /** The lines of an action that runs there. Throws ActionError. */
  async *lines(agent: AskedAgent, ask: Ask): AsyncGenerator<Line> {
    const { body } = await this.#ask(agent, ask);
    try {
      yield* readLines(body);
    } catch (err) {
      if (ask.signal.aborted) throw err;
      const why = err instanceof LinesError ? err.message : `the connection broke off (${(err as Error).message})`;
      throw new ActionError(`the agent of ${agent.node}: ${forText(why)}`, { cause: err });
    } finally {
      body.destroy();
    }
  }

  /** Throws ActionError. */
  async json(agent: AskedAgent, ask: Ask): Promise<unknown> {
    const { body } = await this.#ask(agent, ask);
    return JSON.parse(await textOf(body)) as unknown;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatcher?.destroy();
  }

  async #ask(
    { node, url }: AskedAgent,
    { path, body, token, from, caller, signal }: Ask,
  ): Promise<Dispatcher.ResponseData> {
    const { Agent: HttpAgent } = await import("../base/http-agent.ts");
    this.#dispatcher ??= new HttpAgent({ connect: { timeout: CONNECT_MS }, keepAliveTimeout: 1_000 });
    const { origin, pathname, search } = new URL(path, url);
    let response: Dispatcher.ResponseData;
    try {
      response = await this.#dispatcher.request({
        origin,
        path: pathname + search,
        method: "POST",
        headers: {
          "content-type": "application/json",
          "user-agent": `internode/${VERSION}`,
          [TOKEN_HEADER]: token,
          [FORWARDED_HEADER]: from,
          ...(caller !== undefined && { [CALLER_HEADER]: caller }),
        },
        body: JSON.stringify(body),
        bodyTimeout: 0,
        signal,
      });
    } catch (err) {
      if (signal.aborted) throw err;
      const { code, message } = err as NodeJS.ErrnoException;
      throw new ActionError(
        `the agent of ${node} cannot be asked from ${from} (${code ?? message}): ask it directly, by a port-forward to its own pod`,
        { cause: err },
      );
    }
    if (response.statusCode === 200) return response;
    throw new RefusedByAgent(response.statusCode, `the agent of ${node}: ${wordsOf(await textOf(response.body))}`);
  }
}

const textOf = async (body: AsyncIterable<Uint8Array>): Promise<string> =>
  (
    await readBody(body, { maxBytes: MAX_ANSWER_BYTES, tooLarge: () => new ActionError("the answer is too long") })
  ).toString("utf8");

export function wordsOf(answer: string): string {
  try {
    const { error } = JSON.parse(answer) as { readonly error?: unknown };
    if (typeof error === "string") return forText(error.slice(0, 1_000));
  } catch {
    // Then it is shown as it is.
  }
  return forText(answer.slice(0, 300));
}
