// What the agent at the far end tells while it receives.
import { ActionError } from "../action.ts";
import type { Line } from "../lines.ts";
import type { Received } from "./report.ts";

/** After the sender has told it that this is all. */
const RESULT_MS = 10_000;

export class FarEnd implements AsyncDisposable {
  receivedBytes = 0;
  /** It cannot go on. */
  failed: Error | undefined;
  readonly #lines: AsyncGenerator<Line>;
  readonly #listening = Promise.withResolvers<number>();
  readonly #result = Promise.withResolvers<Received>();
  #isWhole = false;
  readonly #reading: Promise<void>;

  constructor(lines: AsyncGenerator<Line>) {
    this.#lines = lines;
    // Nobody may be waiting for one of these when it fails.
    this.#listening.promise.catch(() => {});
    this.#result.promise.catch(() => {});
    this.#reading = this.#read();
  }

  /** The port, once it is open. Rejects with ActionError. */
  listening(): Promise<number> {
    return this.#listening.promise;
  }

  /** Rejects with ActionError, also when it does not come. */
  async result(): Promise<Received> {
    const timer = setTimeout(
      () => this.#fail(new ActionError("the far end has not told what it received: the connection to it may be cut")),
      RESULT_MS,
    );
    try {
      return await this.#result.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    void this.#lines.return(undefined).catch(() => {});
    await Promise.race([this.#reading, new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
  }

  async #read(): Promise<void> {
    try {
      for await (const line of this.#lines) this.#take(line);
      this.#fail(new ActionError("the far end ended before it told what it received"));
    } catch (err) {
      this.#fail(err as Error);
    }
  }

  #take(line: Line): void {
    switch (line.kind) {
      case "progress":
        if (typeof line["listening"] === "number") this.#listening.resolve(line["listening"]);
        if (typeof line["bytes"] === "number") this.receivedBytes = line["bytes"];
        break;
      case "result":
        this.#isWhole = true;
        this.#result.resolve(line["received"] as Received); // of an agent of ours, which has the token
        break;
      case "error":
        this.#fail(new ActionError(line.error));
        break;
      case "started":
        break;
    }
  }

  #fail(err: Error): void {
    if (this.#isWhole) return;
    this.failed ??= err;
    this.#listening.reject(err);
    this.#result.reject(err);
  }
}
