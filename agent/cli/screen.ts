// What a command prints again and again: on a terminal each time over the last, else one after the other.

const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

export class Screen {
  readonly #inPlace: boolean;

  constructor(inPlace: boolean) {
    this.#inPlace = inPlace;
  }

  show(text: string): void {
    if (!this.#inPlace) return console.log(text);
    // Over the last one, without clearing first: nothing flickers. What is below the window cannot be redrawn.
    const lines = text.split("\n").slice(0, Math.max(1, process.stdout.rows - 1));
    process.stdout.write(`${HOME}${lines.map((line) => `${line}${CLEAR_LINE}`).join("\n")}\n${CLEAR_BELOW}`);
  }
}
