// What a command is doing, for a person who waits longer than a second: one line of the terminal, gone when it is done.

import { forText } from "../base/escape.ts";
import { canRedraw } from "./screen.ts";

const SHOWN_AFTER_MS = 1_000;
const CLEAR_LINE = "\r\x1b[K";

export class Progress implements Disposable {
  readonly #stream: NodeJS.WriteStream;
  #step = "";
  #shown = false;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
    if (!canRedraw(stream)) return;
    this.#timer = setTimeout(() => {
      this.#shown = true;
      this.#show();
    }, SHOWN_AFTER_MS);
  }

  step(what: string): void {
    this.#step = what;
    if (this.#shown) this.#show();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    if (this.#shown) this.#stream.write(CLEAR_LINE);
  }

  #show(): void {
    this.#stream.write(`${CLEAR_LINE}${forText(this.#step).slice(0, Math.max(10, this.#stream.columns - 2))}…`);
  }
}
