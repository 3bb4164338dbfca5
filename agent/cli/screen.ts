// What a command prints again and again: on a terminal each time over the last, else one after the other.
import stringWidth from "string-width";

const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

/** Whether it takes orders to write over what is there: no file, and no terminal that calls itself dumb. */
export const canRedraw = (stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv = process.env): boolean =>
  stream.isTTY && env["TERM"] !== "dumb";

export class Screen {
  readonly #inPlace: boolean;
  readonly #stream: NodeJS.WriteStream;

  constructor(inPlace: boolean, stream: NodeJS.WriteStream = process.stdout) {
    this.#inPlace = inPlace;
    this.#stream = stream;
  }

  show(text: string): void {
    if (!this.#inPlace) return console.log(text);
    // Over the last one, without clearing first: nothing flickers. What is below the window cannot be redrawn, and a
    // line that the terminal itself folds would push the first out of it.
    const { rows, columns } = this.#stream;
    const lines = text.split("\n").flatMap((line) => folded(line, columns));
    const room = Math.max(1, rows - 1);
    const shown = lines.length <= room ? lines : [...lines.slice(0, room - 1), moreBelow(lines.length - room + 1)];
    this.#stream.write(`${HOME}${shown.map((line) => `${line}${CLEAR_LINE}`).join("\n")}\n${CLEAR_BELOW}`);
  }
}

const moreBelow = (lines: number): string => `… ${lines} more`;

/** An order that colours, a word with the space after it, or space. */
// oxlint-disable-next-line no-control-regex -- ESC is what begins an order
const PARTS = /\x1b\[[0-9;]*m|[^\x1b ]+ *| +|\x1b/g;

/** The line as lines that fit, folded between words where that is possible. */
export function folded(line: string, columns: number): string[] {
  if (stringWidth(line) <= columns) return [line];
  const lines = [""];
  let used = 0;
  const add = (part: string, width: number) => {
    if (used > 0 && used + width > columns) {
      lines.push("");
      used = 0;
    }
    lines[lines.length - 1] += part;
    used += stringWidth(part);
  };
  for (const part of line.match(PARTS) ?? []) {
    const width = stringWidth(part.trimEnd());
    if (width <= columns) add(part, width);
    else for (const char of part) add(char, stringWidth(char));
  }
  return lines.map((each) => each.trimEnd());
}
