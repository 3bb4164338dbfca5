// The answer to one request over undici, with its whole body up to a limit. As a handler of undici's: the stream, the
// iterator and the abort listener of its `request` cost more than the rest of asking a thousand agents.
import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";

export interface Received {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export class Reception implements Dispatcher.DispatchHandler {
  /** Rejects with undici's error, with that of `tooLarge`, or with the reason of an abort. */
  readonly received: Promise<Received>;
  readonly #resolve: (received: Received) => void;
  readonly #reject: (reason: Error) => void;
  readonly #tooLarge: () => Error;
  #left: number;
  #controller: Dispatcher.DispatchController | undefined;
  #abortedFor: Error | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  readonly #chunks: Buffer[] = [];

  constructor({ maxBytes, tooLarge }: { readonly maxBytes: number; readonly tooLarge: () => Error }) {
    ({ promise: this.received, resolve: this.#resolve, reject: this.#reject } = Promise.withResolvers<Received>());
    this.#left = maxBytes;
    this.#tooLarge = tooLarge;
  }

  /** At once, for who waits; a request that is still connecting is given up when that has ended. */
  abort(reason: Error): void {
    this.#abortedFor = reason;
    this.#controller?.abort(reason);
    this.#reject(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#abortedFor) controller.abort(this.#abortedFor);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    this.#headers = headers;
  }

  /** What it throws ends the request. */
  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#left -= chunk.length;
    if (this.#left < 0) throw this.#tooLarge();
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const [first, second] = this.#chunks;
    const body = first !== undefined && second === undefined ? first : Buffer.concat(this.#chunks);
    this.#resolve({ status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#reject(error);
  }
}
