// What many wait to do at once, one after the other, each in a turn of the event loop of its own: whatever else is due
// is served in between.
export class OneByOne {
  readonly #waiting: (() => void)[] = [];

  /** Resolves when it is the caller's turn; what is done before the next `await` is done in that turn. */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1) setImmediate(this.#serve);
    });
  }

  readonly #serve = (): void => {
    this.#waiting.shift()!();
    if (this.#waiting.length > 0) setImmediate(this.#serve);
  };
}
