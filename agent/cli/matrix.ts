import { setTimeout as sleep } from "node:timers/promises";
import { styleText } from "node:util";
import { Option } from "commander";
import { forLog, forText } from "../base/escape.ts";
import { IP_FAMILIES, NETWORKS, PROTOCOLS, type IpFamily, type Network, type Protocol } from "../model/peer.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { EXIT, UsageError, type Command, type Typed } from "./command.ts";
import { MeshGrid } from "../diagnosis/notes/mesh-grid.ts";
import { summarize } from "../diagnosis/notes/summary.ts";
import { renderMatrix, SHOW, type Cell, type Health, type Show } from "./matrix-table.ts";
import { AgentUnreachable, DEFAULT_URL, fetchSnapshot } from "./mesh-client.ts";
import { ownAgentUrl } from "./own-agent.ts";

const MORE = `
One table for each network and protocol: rows are sources, columns destinations, cells the trailing minute.
  210 µs      mean round-trip time, nothing lost
  12% 210 µs  12% of the probes lost, mean of the rest
  FAIL        every probe lost          refused   the port is closed, the path works
  ?           nothing measured yet      ·         the node itself
A lost ICMP or TCP probe says nothing of direction: loss on one way of a link shows in both cells of the pair.
Below the tables stands what the pairs have in common, and what else the agents know, in the words of the page.
A table that is wider than the terminal shows the nodes that lose most.

Examples:
  internode matrix --network node --show loss
  internode matrix --protocol udp --watch 5
  internode matrix -o json | jq '.missing'

Exit: 0 nothing broken, 1 a row is missing, a pair loses more than 3% or large packets vanish, 2 bad usage.`;

export const command: Command = {
  declare: (parser) =>
    void parser
      .option("--url <URL>", `agent to ask (default: in its pod that agent, elsewhere ${DEFAULT_URL})`)
      .addOption(new Option("--network <NAME>", "only this network").choices(NETWORKS))
      .addOption(new Option("--protocol <NAME>", "only this protocol").choices(PROTOCOLS))
      .addOption(new Option("--family <NAME>", "only this address family").choices(IP_FAMILIES))
      .addOption(new Option("--show <WHAT>", "what is in a cell").choices(SHOW).default("both"))
      .option("--watch [SECONDS]", "again and again, every 2 s unless told, until Ctrl-C")
      .addOption(new Option("-o, --output <FORMAT>", "how to print it").choices(["table", "json"]).default("table"))
      .addHelpText("after", MORE),
  async run(typed, signal) {
    const options = read(typed);
    for (;;) {
      let snapshot: Snapshot;
      try {
        snapshot = await fetchSnapshot(options.url, signal);
      } catch (err) {
        if (signal.aborted) return EXIT.fine;
        if (!(err instanceof AgentUnreachable)) throw err;
        console.error(`internode matrix: ${err.message}`);
        return EXIT.broken;
      }
      if (options.output === "json")
        console.log(forLog(JSON.stringify(snapshot, null, options.watchMs === undefined ? 2 : 0)));
      else
        console.log(
          `${options.watchMs === undefined || !process.stdout.isTTY ? "" : "\x1b[2J\x1b[H"}${report(snapshot, options)}`,
        );
      if (options.watchMs === undefined) return summarize(new MeshGrid(snapshot)).isFault ? EXIT.broken : EXIT.fine;
      try {
        await sleep(options.watchMs, undefined, { signal });
      } catch {
        return EXIT.fine;
      }
    }
  },
};

interface Options {
  readonly url: string;
  readonly filter: { readonly network?: Network; readonly protocol?: Protocol; readonly family?: IpFamily };
  readonly show: Show;
  readonly watchMs: number | undefined;
  readonly output: "table" | "json";
}

function read({ options }: Typed): Options {
  const {
    url: asked,
    network,
    protocol,
    family,
    show,
    watch,
    output,
  } = options as {
    readonly url?: string;
    readonly watch?: string | true;
  } & Options["filter"] &
    Pick<Options, "show" | "output">;
  const url = asked ?? ownAgentUrl({ env: process.env });
  if (!URL.canParse(url)) throw new UsageError(`--url takes a URL such as ${DEFAULT_URL}, not '${url}'`);
  const seconds = watch === true ? 2 : watch === undefined ? undefined : Number(watch);
  if (seconds !== undefined && !(seconds >= 1))
    throw new UsageError(`--watch takes seconds, 1 or more, not '${String(watch)}'`);
  const filter = Object.fromEntries(
    Object.entries({ network, protocol, family }).filter(([, value]) => value !== undefined),
  );
  return { url, filter, show, watchMs: seconds === undefined ? undefined : seconds * 1_000, output };
}

function report(snapshot: Snapshot, { filter, show }: Options): string {
  const grid = new MeshGrid(snapshot);
  const { headline, notes } = summarize(grid);
  const width = process.stdout.isTTY ? process.stdout.columns : Infinity;
  const tables = grid.paths.flatMap((on, path) =>
    Object.entries(filter).every(([key, value]) => on[key as keyof typeof on] === value)
      ? [`${styleText("bold", grid.pathNames[path]!)}\n${renderMatrix(grid, { path, show, width, paint })}`]
      : [],
  );
  if (tables.length === 0 && grid.paths.length > 0)
    tables.push(`Nothing is measured for ${Object.values(filter).join(", ")}.`);
  const said = [styleText("bold", forText(headline)), ...notes.map(({ text }) => `- ${forText(text)}`)];
  const when = `${snapshot.rows.length} of ${snapshot.nodes.length} rows, the minute before ${forText(snapshot.at)}, asked of ${forText(snapshot.by.name)}.`;
  return [...tables, said.join("\n"), when].join("\n\n");
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
