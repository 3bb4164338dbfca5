// What a terminal shows of a command that prints again and again.
import { stripVTControlCharacters, styleText } from "node:util";
import { expect, test } from "vitest";
import { canRedraw, folded, Screen } from "../../agent/cli/screen.ts";

function terminal(rows: number, columns: number) {
  const written: string[] = [];
  const stream = { rows, columns, isTTY: true, write: (text: string) => written.push(text) };
  return { written, stream: stream as unknown as NodeJS.WriteStream };
}

/** What stands in each row, as long as nothing is wider than the window. */
const rowsOf = (written: string): string[] => stripVTControlCharacters(written).split("\n");

test("what fits is written from the first row on", () => {
  const { written, stream } = terminal(5, 20);
  new Screen(true, stream).show("one\ntwo");
  expect(rowsOf(written[0]!)).toEqual(["one", "two", ""]);
});

test.each([
  [4, 20, "a sentence that is longer than the window\nand more"],
  [3, 5, "from \\ to  node-1\nnode-1  12 ms"],
  [2, 10, "one\ntwo\nthree"],
  [10, 12, styleText("red", "a-name-without-any-space-in-it", { validateStream: false })],
])(
  "nothing is pushed out of a window of %i rows and %i columns, and what is left out is counted",
  (rows, columns, text) => {
    const { written, stream } = terminal(rows, columns);
    new Screen(true, stream).show(text);
    const shown = rowsOf(written[0]!);
    expect(shown.length).toBeLessThanOrEqual(rows);
    for (const line of shown) expect(line.length).toBeLessThanOrEqual(Math.max(columns, "… 9 more".length));
    const needed = text.split("\n").flatMap((line) => folded(line, columns)).length;
    expect(/^… \d+ more$/.test(shown.at(-2)!)).toBe(needed > rows - 1);
  },
);

test("a line is folded between words, and colours stay", () => {
  expect(folded("the whole mesh loses packets", 12)).toEqual(["the whole", "mesh loses", "packets"]);
  const red = styleText("red", "whole mesh", { validateStream: false });
  expect(folded(red, 6).join("|")).toBe("\u001b[31mwhole|mesh\u001b[39m");
  expect(folded("界界界界", 4)).toEqual(["界界", "界界"]);
});

test("nothing is drawn over on a dumb terminal or in a file", () => {
  const { stream } = terminal(5, 20);
  expect(canRedraw(stream, { TERM: "xterm" })).toBe(true);
  expect(canRedraw(stream, {})).toBe(true);
  expect(canRedraw(stream, { TERM: "dumb" })).toBe(false);
  expect(canRedraw({ ...stream, isTTY: false } as NodeJS.WriteStream, { TERM: "xterm" })).toBe(false);
});
