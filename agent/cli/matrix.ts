import { setTimeout as sleep } from "node:timers/promises";
import { styleText } from "node:util";
import { Option } from "commander";
import { forLog, forText } from "../base/escape.ts";
import { formatSpan, parseSpan } from "../base/span.ts";
import { IP_FAMILIES, NETWORKS } from "../model/peer.ts";
import { LOSSY_RATIO } from "../model/thresholds.ts";
import { PROTOCOLS } from "../probes/protocols.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { declareToken } from "./actions/token.ts";
import { EXIT, UsageError, type Command, type Typed } from "./command.ts";
import { missingNotes } from "../diagnosis/notes/agent-notes.ts";
import { MeshGrid } from "../diagnosis/notes/mesh-grid.ts";
import { findingLine, summarize } from "../diagnosis/notes/summary.ts";
import { matrixCsv, matrixHtml, matrixMarkdown, type MatrixDocument } from "./matrix-document.ts";
import { select, type Filter } from "./matrix-filter.ts";
import { reachFresh } from "./matrix-now.ts";
import { renderMatrix, SHOW, type Cell, type Health, type Show } from "./matrix-table.ts";
import { AgentUnreachable } from "./mesh-client.ts";
import { declareReach, readReach, reachMesh, type Reach } from "./reach.ts";
import { canRedraw, Screen } from "./screen.ts";

const MORE = `
One table for each network and protocol: rows are sources, columns destinations, cells the trailing minute.
  210 µs      mean round-trip time, nothing lost
  12% 210 µs  12% of the probes lost, mean of the rest
  FAIL        every probe lost          refused   the port is closed, the path works
  ?           nothing measured yet      ·         the node itself
A lost ICMP or TCP probe says nothing of direction: loss on one way of a link shows in both cells of the pair.
Below the tables stands what the judge finds wrong, one line a finding, and what else the agents know, in the words of
the page.
A table that is wider than the terminal shows the nodes that lose most.

With '--since' the cells are of that time until now instead of the last minute, in whole minutes: an agent keeps the last
hour, from its start on, and what begins later than asked is named. Of the past there are loss, mean and maximum; a SYN that
was sent again counts as a lost probe, and a refused probe as an answered one.

With '--now' every agent probes all of its peers at once, three times each, and the cells are of these probes alone; it takes
some seconds. It is an action: config.actions.enabled in the chart's values must be on, and the token at hand. What is said
below the tables is of the last minute still.

With '-o wide' no column is left out, and a cell has loss, mean and maximum. With '-o csv' the rows that are missing are
named on standard error. Filters hold for all that is printed, and for the exit code.

From a laptop it asks the cluster of the kubeconfig: one agent through a port-forward, and the agents that this one cannot
reach through port-forwards of their own; where none may be opened, all through the API server's proxy.

Examples:
  internode matrix --context prod -n internode
  internode matrix --network node --show loss
  internode matrix --zone zone-a --protocol udp --watch 5
  internode matrix --since 10m
  internode matrix --now
  internode matrix --from node-3 -o csv > node-3.csv
  internode matrix -o html > ticket.html
  internode matrix -o json | jq '.missing'

Exit: 0 nothing broken, 1 a finding, a row is missing, a pair loses more than ${LOSSY_RATIO * 100}% or large packets vanish, 2 bad usage.`;

const OUTPUTS = ["table", "wide", "json", "csv", "markdown", "html"] as const;

const MOST_WATCH_SECONDS = 3_600;

const also = (name: string, before: readonly string[]): readonly string[] => [...before, name];

export const command: Command = {
  declare: (parser) =>
    void declareToken(declareReach(parser))
      .addOption(new Option("--network <NAME>", "only this network").choices(NETWORKS))
      .addOption(new Option("--protocol <NAME>", "only this protocol").choices(PROTOCOLS))
      .addOption(new Option("--family <NAME>", "only this address family").choices(IP_FAMILIES))
      .option("--from <NODE>", "only this source; may be given again", also, [])
      .option("--to <NODE>", "only this destination; may be given again", also, [])
      .option("--zone <ZONE>", "only inside this zone, or between those given", also, [])
      .addOption(new Option("--show <WHAT>", "what is in a cell (default: both; with '-o wide' all)").choices(SHOW))
      .option(
        "--since <TIME>",
        "since a time ago (10m, 1h) or a moment (2026-11-27T02:00:00Z) instead of the last minute",
      )
      .option("--now", "fresh probes of every pair, some seconds long, instead of the last minute (an action)")
      .option("--watch [SECONDS]", "again and again, every 2 s unless told, until Ctrl-C")
      .addOption(new Option("-o, --output <FORMAT>", "how to print it").choices(OUTPUTS).default("table"))
      .addHelpText("after", MORE),
  async run(typed, signal) {
    const options = read(typed);
    const isForEyes = options.output === "table" || options.output === "wide";
    const screen = new Screen(options.watchMs !== undefined && isForEyes && canRedraw(process.stdout));
    for (;;) {
      let fault: boolean;
      try {
        const { snapshot, verdict } = options.isFresh
          ? await reachFresh(options, signal)
          : await reachMesh(options.reach, signal, options.since);
        const selection = select(snapshot, options.filter);
        const grid = new MeshGrid(selection.snapshot);
        const summary = summarize(grid, verdict);
        fault = summary.isFault;
        screen.show(printed({ ...selection, grid, summary, asked: askedOf(selection.snapshot, options) }, options));
        if (options.output === "csv") for (const line of missingLines(grid)) console.error(`internode matrix: ${line}`);
      } catch (err) {
        // Who ends the watching has seen what there was; a matrix that was not printed says nothing good.
        if (signal.aborted) return options.watchMs === undefined ? EXIT.broken : EXIT.fine;
        if (!(err instanceof AgentUnreachable)) throw err;
        fault = true;
        console.error(`internode matrix: ${err.message}`);
      }
      if (options.watchMs === undefined) return fault ? EXIT.broken : EXIT.fine;
      try {
        await sleep(options.watchMs, undefined, { signal });
      } catch {
        return EXIT.fine;
      }
    }
  },
};

interface Options {
  readonly reach: Reach;
  readonly filter: Filter;
  readonly since: string | undefined;
  readonly isFresh: boolean;
  readonly tokenFile: string | undefined;
  readonly show: Show;
  readonly watchMs: number | undefined;
  readonly output: (typeof OUTPUTS)[number];
}

function read(typed: Typed): Options {
  const { network, protocol, family, from, to, zone, since, now, tokenFile, watch, output, show } =
    typed.options as unknown as Filter & {
      readonly since?: string;
      readonly now?: boolean;
      readonly tokenFile?: string;
      readonly watch?: string | true;
      readonly show?: Show;
    } & Pick<Options, "output">;
  const isFresh = now === true;
  if (isFresh && since !== undefined)
    throw new UsageError("--now is of fresh probes, --since of the past: leave out one of them");
  const seconds = watch === true ? 2 : watch === undefined ? undefined : Number(watch);
  if (seconds !== undefined && !(seconds >= 1 && seconds <= MOST_WATCH_SECONDS))
    throw new UsageError(`--watch takes seconds from 1 to ${MOST_WATCH_SECONDS}, not '${String(watch)}'`);
  const span = since === undefined ? undefined : parseSpan({ since }, Date.now());
  if (span && "error" in span) throw new UsageError(span.error.replace("'since'", "--since"));
  return {
    reach: readReach(typed),
    since,
    isFresh,
    tokenFile,
    filter: {
      from,
      to,
      zone,
      ...(network !== undefined && { network }),
      ...(protocol !== undefined && { protocol }),
      ...(family !== undefined && { family }),
    },
    show: show ?? (output === "wide" ? "all" : "both"),
    watchMs: seconds === undefined ? undefined : seconds * 1_000,
    output,
  };
}

function printed(document: Omit<MatrixDocument, "show">, { output, show, watchMs }: Options): string {
  switch (output) {
    case "json":
      return forLog(JSON.stringify(document.grid.snapshot, null, watchMs === undefined ? 2 : 0));
    case "csv":
      return matrixCsv(document);
    case "markdown":
      return matrixMarkdown({ ...document, show });
    case "html":
      return matrixHtml({ ...document, show });
    case "wide":
      return report({ ...document, show }, Infinity);
    case "table":
      return report({ ...document, show }, process.stdout.isTTY ? process.stdout.columns : Infinity);
  }
}

/** What CSV has no place for: that lines are missing from it, and why. */
const missingLines = (grid: MeshGrid): string[] =>
  missingNotes(grid, []).map(({ text }) => `${forText(text)} There are no lines from it.`);

function report({ grid, summary, show, from, to, asked }: MatrixDocument, width: number): string {
  const tables = grid.pathNames.map(
    (name, path) => `${styleText("bold", name)}\n${renderMatrix(grid, { path, show, width, from, to, paint })}`,
  );
  if (tables.length === 0) tables.push("Nothing that was asked for is measured.");
  const said = [
    styleText("bold", forText(summary.headline)),
    forText(summary.lately),
    ...[...summary.findings.map(findingLine), ...summary.notes.map(({ text }) => text)].map(
      (line) => `- ${forText(line)}`,
    ),
  ];
  return [...tables, said.join("\n"), forText(asked)].join("\n\n");
}

function askedOf({ rows, missing, at, span, by }: Snapshot, { isFresh }: Pick<Options, "isFresh">): string {
  const when = isFresh
    ? `fresh probes just before ${at}`
    : span
      ? `from ${formatSpan(span)} in whole minutes`
      : `the minute before ${at}`;
  return `${rows.length} of ${rows.length + missing.length} rows, ${when}, asked of ${by.name}.`;
}

const COLOURS: Readonly<Record<Health, Parameters<typeof styleText>[0]>> = {
  self: "dim",
  fine: "green",
  lossy: "yellow",
  failing: ["red", "bold"],
  refused: "cyan",
  "no data": "dim",
};

function paint(cell: Cell, padded: string): string {
  return styleText(COLOURS[cell.health], padded);
}
