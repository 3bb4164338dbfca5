// docs/benchmarks.md: how to read the figures, and those of the last full run.
import { format, type Table } from "./table.ts";

const HOW_TO_READ = `# Benchmarks

\`npm run bench\` measures every promise below on two network namespaces that a veth cable joins, as root. The other
programs run in the same run: \`fping\`, \`ping\` and Debian's \`prometheus-smokeping-prober\`. \`npm run bench -- rtt cpu\`
runs only those two parts; \`npm run bench -- --write\` runs all and replaces this page.

How to read it: the title of each table says what was measured. Each line of *All bars* is one promise; a missed one is
marked, with its figure. Compare figures of one run, not of two machines: the kernel does most of the work of a probe,
and its cost depends on the processor, the kernel and what else runs. On a machine that is not idle (see the load
average) every microsecond figure is larger. Errors against a capture include the cost of the capture itself, which
stamps an outgoing packet some microseconds before the driver does, on each side where it runs. Therefore the tables of
accuracy also have a line that was measured with no capture running, and UDP, which needs two captures, one whose packets
leave when the driver gets them, by the kernel's own trace of that moment. Whether a step of the machine's clock causes
false losses is not measured here but by \`npm run test:serial\`, because that moves
the clock.
`;

const cell = (text: string) => text.replaceAll("|", "\\|");

function tableMarkdown({ title, columns, rows, note }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  const align = columns.map((_, i) => (i === 0 ? "---" : "---:"));
  return [
    `## ${title}`,
    "",
    line(columns),
    line(align),
    ...rows.map((row) => line(row.map(format))),
    ...(note === undefined ? [] : ["", `${note[0]!.toUpperCase()}${note.slice(1)}.`]),
  ].join("\n");
}

export const benchmarksPage = (tables: readonly Table[]): string =>
  `${[HOW_TO_READ, ...tables.map(tableMarkdown)].join("\n\n").replaceAll("\n\n\n", "\n\n")}\n`;
