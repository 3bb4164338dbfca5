// `npm run bench`: every figure the design promises, measured on this machine beside its rivals.
import { writeFileSync } from "node:fs";
import { inWords, refusalOf } from "../../lab/rights.ts";
import { readWords } from "../../scripts/command-line.ts";
import { machineFacts } from "./machine.ts";
import { benchmarksPage } from "./markdown.ts";
import { barsTable, tableText, type Bar, type Figure, type Table } from "./table.ts";

const PAGE = new URL("../../docs/benchmarks.md", import.meta.url);

/** In the order they are run: the one that looks at this process itself comes first. */
const FIGURES: Readonly<Record<string, () => Promise<{ run(): Promise<Figure> }>>> = {
  scrape: () => import("./scrape.ts"),
  evidence: () => import("./evidence.ts"),
  rtt: () => import("./rtt.ts"),
  udp: () => import("./udp.ts"),
  held: () => import("./held.ts"),
  syn: () => import("./syn.ts"),
  "injected-loss": () => import("./injected-loss.ts"),
  "false-loss": () => import("./false-loss.ts"),
  "flat-out": () => import("./flat-out.ts"),
  cpu: () => import("./cpu.ts"),
  memory: () => import("./memory.ts"),
  throughput: () => import("./throughput.ts"),
  start: () => import("./start.ts"),
  judge: () => import("./judge.ts"),
  cli: () => import("./cli.ts"),
  nodes: () => import("./nodes.ts"),
};

const HELP = `Measures what the documents promise, beside its rivals, on this machine: npm run bench [-- OPTIONS] [FIGURE…]

  FIGURE   ${Object.keys(FIGURES).join(", ")} (default: all, most of an hour)
  --write  write docs/benchmarks.md from a whole run

Needs root, or a user namespace. On a machine that does other things the figures are of both.`;
const { values, positionals: asked } = readWords("bench", HELP, { write: { type: "boolean", default: false } });
const { write } = values;
const unknown = asked.filter((name) => !(name in FIGURES));
if (unknown.length > 0 || (write && asked.length > 0)) {
  console.error(
    unknown.length > 0
      ? `bench: there is no figure '${unknown.join("', '")}'; there are ${Object.keys(FIGURES).join(", ")}`
      : "bench: --write takes the figures of a full run only; name none",
  );
  process.exit(2);
}
const refusal = await refusalOf("namespaces");
if (refusal) {
  console.error(`bench: nothing can be measured here: ${inWords(refusal)}`);
  process.exit(1);
}
// Namespaces and processes are removed when this process exits, however that comes about.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));

const started = performance.now();
const facts = machineFacts();
const tables: Table[] = [];
const bars: Bar[] = [];
console.log(tableText(facts));
for (const name of asked.length > 0 ? asked : Object.keys(FIGURES)) {
  try {
    const figure = await (await FIGURES[name]!()).run();
    for (const table of figure.tables) console.log(tableText(table));
    tables.push(...figure.tables);
    bars.push(...figure.bars);
  } catch (err) {
    console.error(`\nbench: ${name} could not be measured: ${err instanceof Error ? err.message : String(err)}`);
    bars.push({ what: `${name}: could not be measured`, figure: "-", bar: "-", met: false });
  }
}
console.log(tableText(barsTable(bars)));
console.log(
  `\n${bars.filter((bar) => bar.met).length} of ${bars.length} bars met, in ${Math.round((performance.now() - started) / 1000)} s. Across a ±2 s step of the clock: npm run test:serial.`,
);
if (write) writeFileSync(PAGE, benchmarksPage([facts, barsTable(bars), ...tables]));
process.exit(bars.every((bar) => bar.met) ? 0 : 1);
