// A report as a terminal, Markdown or a browser shows it. Pure.
import { styleText } from "node:util";
import { forHtml, forLog, forMarkdown, forText } from "../../base/escape.ts";
import { table } from "../text-table.ts";
import type { Block, Item, Mark, Report, Section } from "./report.ts";

export const SIGNS: Readonly<Record<Mark, string>> = { fine: "✔", broken: "✘", unknown: "?", note: "–" };
export const COLOURS: Readonly<Record<Mark, Parameters<typeof styleText>[0]>> = {
  fine: "green",
  broken: ["red", "bold"],
  unknown: "yellow",
  note: "dim",
};
/** For who hears a page read out, or cannot tell colours. */
const WORDS: Readonly<Record<Mark, string>> = { fine: "fine", broken: "broken", unknown: "unknown", note: "note" };

export const SCHEMA_VERSION = 1;

export const asJson = ({ title, headline, isFault, data }: Report): string =>
  forLog(JSON.stringify({ schemaVersion: SCHEMA_VERSION, report: title, headline, isFault, ...data }, null, 2));

export function asTerminal({ headline, sections }: Report): string {
  return [styleText("bold", forText(headline)), ...sections.map(sectionText)].join("\n\n");
}

const sectionText = ({ title, blocks }: Section): string =>
  [styleText("bold", forText(title)), ...blocks.map(blockText)].join("\n");

function blockText(block: Block): string {
  switch (block.kind) {
    case "text":
      return forText(block.text);
    case "items":
      return block.items.map(itemText).join("\n");
    case "table":
      return table([headsOf(block), ...block.rows].map((row) => row.map(cell)));
  }
}

const headsOf = ({ heads, headsAre }: Extract<Block, { readonly kind: "table" }>): readonly string[] =>
  headsAre === "names" ? heads : heads.map((head) => head.toUpperCase());

const cell = (text: string): string => (text === "" ? "-" : forText(text));

const itemText = ({ mark, text, details = [] }: Item): string =>
  [`${styleText(COLOURS[mark], SIGNS[mark])} ${forText(text)}`, ...details.map((line) => `    ${forText(line)}`)].join(
    "\n",
  );

export function asMarkdown({ headline, sections }: Report): string {
  return [`## ${forMarkdown(headline)}`, ...sections.map(sectionMarkdown)].join("\n\n");
}

const sectionMarkdown = ({ title, blocks }: Section): string =>
  [`### ${forMarkdown(title)}`, ...blocks.map(blockMarkdown)].join("\n\n");

function blockMarkdown(block: Block): string {
  switch (block.kind) {
    case "text":
      return forMarkdown(block.text);
    case "items":
      return block.items
        .map(({ mark, text, details = [] }) =>
          [`- ${SIGNS[mark]} ${forMarkdown(text)}`, ...details.map((line) => `  - ${forMarkdown(line)}`)].join("\n"),
        )
        .join("\n");
    case "table": {
      const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
      return [
        row(block.heads.map(forMarkdown)),
        row(block.heads.map(() => "---")),
        ...block.rows.map((cells) => row(cells.map((text) => (text === "" ? "-" : forMarkdown(text))))),
      ].join("\n");
    }
  }
}

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em;color:#14202b;background:#fff}
table{border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums;margin:.5em 0 1.5em}
th,td{padding:3px 9px;border:1px solid #cdd5dc;text-align:left;vertical-align:top}th{font-weight:600;color:#51606d}
ul.items{list-style:none;padding-left:0}ul.items>li>b{display:inline-block;min-width:1.3em}
li.broken>b{color:#a11}li.fine>b{color:#176b2c}li.unknown>b{color:#8a5a00}.scroll{overflow-x:auto}`;

interface HtmlOptions {
  /** SVG of our own making, put in as it is. */
  readonly pictures?: readonly string[];
  /** Above all reports: what made them, and when. */
  readonly head?: string;
}

/** One file that needs no other and runs nothing. */
export function asHtml(reports: readonly Report[], { pictures = [], head }: HtmlOptions = {}): string {
  const [first] = reports;
  const title = `Internode: ${reports.length === 1 ? first!.title : "report"}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${forHtml(title)}</title><style>${STYLE}</style></head><body>${head === undefined ? "" : `\n<p>${forHtml(head)}</p>`}
${reports.map(reportHtml).join("\n")}
${pictures.map((svg) => `<div class="scroll">${svg}</div>`).join("\n")}
</body></html>`;
}

const reportHtml = ({ title, headline, sections }: Report): string =>
  `<section><h1>${forHtml(title)}</h1>\n<p><strong>${forHtml(headline)}</strong></p>\n${sections.map(sectionHtml).join("\n")}</section>`;

const sectionHtml = ({ title, blocks }: Section): string =>
  `<h2>${forHtml(title)}</h2>\n${blocks.map(blockHtml).join("\n")}`;

function blockHtml(block: Block): string {
  switch (block.kind) {
    case "text":
      return `<p>${forHtml(block.text)}</p>`;
    case "items":
      return `<ul class="items">\n${block.items.map(itemHtml).join("\n")}\n</ul>`;
    case "table": {
      const heads = block.heads.map((head) => `<th scope="col">${forHtml(head)}</th>`).join("");
      const rows = block.rows.map((cells) => `<tr>${cells.map((text) => `<td>${forHtml(text)}</td>`).join("")}</tr>`);
      return `<div class="scroll"><table><thead><tr>${heads}</tr></thead><tbody>\n${rows.join("\n")}\n</tbody></table></div>`;
    }
  }
}

function itemHtml({ mark, text, details = [] }: Item): string {
  const more = details.length === 0 ? "" : `<ul>${details.map((line) => `<li>${forHtml(line)}</li>`).join("")}</ul>`;
  return `<li class="${mark}"><b title="${WORDS[mark]}" aria-label="${WORDS[mark]}">${SIGNS[mark]}</b> ${forHtml(text)}${more}</li>`;
}
