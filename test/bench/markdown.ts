// docs/benchmarks.md: how to read the figures, and those of the last full run.
import { format, type Table } from "./table.ts";

const HOW_TO_READ = `# Benchmarks

\`npm run bench\` measures every promise below on two network namespaces joined by a veth cable, as root, and the
other programs in the same run: \`fping\`, \`ping\` and Debian's \`prometheus-smokeping-prober\`. \`npm run bench -- rtt cpu\`
runs only those named; \`npm run bench -- --write\` runs all and replaces this page.

How to read them: each table has what was measured in its title; each line of *All bars* is one promise, and a missed
one says so with its figure. Compare within a run, not between machines: the kernel does most of the work of a probe,
and its cost depends on processor, kernel and what else runs. A load average above that of an idle machine makes
microseconds longer for all. Errors against a capture include the capture's own cost: it stamps an outgoing packet some
microseconds before the driver does, on each side where it runs, so the delays reported with no capture running stand
beside. Whether a step of the machine's clock makes losses is not here but in \`npm run test:serial\`, because it moves
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
