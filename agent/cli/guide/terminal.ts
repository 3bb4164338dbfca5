// Markdown of our own pages for a terminal: headings, code and tables; a link is its words. Pure.
import { styleText } from "node:util";
import { forText } from "../../base/escape.ts";
import { table } from "../text-table.ts";

export function markdownForTerminal(markdown: string, width: number): string {
  const out: string[] = [];
  let rows: string[][] = [];
  let isCode = false;
  const endTable = () => {
    if (rows.length > 0) out.push(tableText(rows, width));
    rows = [];
  };
  // The words of a link may go over the end of a line.
  for (const line of markdown.replaceAll(/\[([^\]]+)\]\([^)\s]*\)/g, "$1").split("\n")) {
    if (/^ *```/.test(line)) {
      isCode = !isCode;
      continue;
    }
    if (isCode) {
      out.push(styleText("cyan", `    ${forText(line.trimEnd())}`));
      continue;
    }
    if (line.startsWith("|")) {
      if (!/^\|[-:| ]+\|$/.test(line)) rows.push(cellsOf(line));
      continue;
    }
    endTable();
    const heading = /^#{2,} (.*)$/.exec(line);
    out.push(heading ? styleText("bold", inline(heading[1]!)) : inline(line));
  }
  endTable();
  return out.join("\n").replaceAll(/\n{3,}/g, "\n\n");
}

const cellsOf = (line: string): string[] =>
  line
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => inline(cell.trim()));

const inline = (text: string): string =>
  forText(text)
    .replaceAll(/\*\*([^*]+)\*\*/g, (_, words: string) => styleText("bold", words))
    .replaceAll(/(?<![\w*])\*([^*]+)\*(?![\w*])/g, "$1")
    .replaceAll(/`([^`]+)`/g, (_, code: string) => styleText("cyan", code))
    .replaceAll("\\|", "|");

/** Where columns have no room side by side, each row is a paragraph: its first cell, and what else it says. */
function tableText(rows: readonly string[][], width: number): string {
  const drawn = table(rows);
  // Colours take no room, and a table without any is never wider than with them.
  if (drawn.split("\n").every((line) => line.length <= width)) return drawn;
  const [heads = [], ...body] = rows;
  return body
    .map(([first = "", ...rest]) =>
      [
        first,
        ...rest.flatMap((cell, i) => (cell === "" ? [] : [`    ${heads[i + 1] ? `${heads[i + 1]}: ` : ""}${cell}`])),
      ].join("\n"),
    )
    .join("\n");
}
