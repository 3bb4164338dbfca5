// The routers on the way between two nodes, both ways, and what comes through by source port: what `traceroute` and
// `mtr` are for.
import { InvalidArgumentError, Option } from "commander";
import { styleText } from "node:util";
import type { TraceProgress, TraceResult } from "../actions/trace/action.ts";
import { badPorts, concludeTrace } from "../actions/trace/conclude.ts";
import type { Answerer, Delays, TraceReport } from "../actions/trace/report.ts";
import { forLog, forText } from "../base/escape.ts";
import { formatDelay, formatLoss } from "../base/format.ts";
import { IP_FAMILIES, NETWORKS, type IpFamily, type Network } from "../model/peer.ts";
import { declareWays, runBothWays } from "./actions/both-ways.ts";
import { declareToken } from "./actions/token.ts";
import { EXIT, type Command } from "./command.ts";
import { declareReach, readReach } from "./reach.ts";
import { table } from "./text-table.ts";

const MORE = `
The agent of FROM sends UDP packets whose hop limit ends at each router in turn, and others that go the whole way, from
several source ports: where routers share traffic among paths, each port has its own. The agent of TO does the same at the
same time. No right is needed for it, and nothing of it is counted as the agents' own probes.

LOSS of a hop is what that router left unanswered. Routers send few such errors (Linux one a second to one address), so it
is no loss as long as the end answers, and is marked "no fault" then. Only the last line of a table is the end itself, and
a probe is a round trip: what is lost there was lost on the way there or back.
Ports that lose, while others do not, are on a bad path: PORTS shows by which routers they go.

On the pod network the agent of the other node answers. On the node network its kernel refuses, unless agents listen there
(hostPort, hostNetwork); that is an answer too, once a second.
Tunnels hide routers: of the pod network one sees the two nodes; the routers between them are on the node network.

Agents do this only where actions are switched on (config.actions.enabled in the chart's values), with their token.

Examples:
  internode trace node-1 node-3
  internode trace node-1 node-3 --network node --ports 21
  internode trace node-1 node-3 --one-way -c 5
  internode trace node-1 node-3 -o json | jq '.traces[].hops'

Exit: 0 everything comes through, 1 something is lost, or it could not be tried, 2 bad usage.`;

export const command: Command = {
  declare: (parser) =>
    void declareWays(declareToken(declareReach(parser)))
      .addOption(new Option("--network <NAME>", "only this network").choices(NETWORKS))
      .addOption(new Option("--family <NAME>", "only this address family").choices(IP_FAMILIES))
      .option("--ports <NUMBER>", "source ports, 1 to 32; 8 find both of two paths, 21 all of four", whole(1, 32), 8)
      .option("-c, --count <NUMBER>", "probes of each hop from each port, 1 to 20", whole(1, 20), 1)
      .option("-i, --interval <SECONDS>", "between two probes of a hop, 0.2 to 5", seconds(0.2, 5), 1)
      .addOption(new Option("-o, --output <FORMAT>", "how to print it").choices(["table", "json"]).default("table"))
      .addHelpText("after", MORE),
  async run(typed, signal) {
    const { network, family, ports, count, interval, output } = typed.options as unknown as {
      readonly network?: Network;
      readonly family?: IpFamily;
      readonly ports: number;
      readonly count: number;
      readonly interval: number;
      readonly output: string;
    };
    const ways = await runBothWays<TraceProgress, TraceResult>(
      readReach(typed),
      {
        command: "trace",
        action: "trace",
        names: typed.args,
        options: typed.options,
        request: {
          ports,
          count,
          intervalMs: interval * 1_000,
          ...(network && { networks: [network] }),
          ...(family && { families: [family] }),
        },
        progressOf: ({ sent, of }) => `${sent} of ${of} probes`,
      },
      signal,
    );
    const traces = ways.results.flatMap(({ traces }) => traces);
    const concluded = traces.map((trace) => ({ ...trace, conclusion: concludeTrace(trace) }));
    if (output === "json")
      console.log(forLog(JSON.stringify({ schemaVersion: 1, traces: concluded, failures: ways.failures }, null, 2)));
    else if (traces.length > 0) console.log(concluded.map(printed).join("\n\n"));
    const isFault = ways.failures.length > 0 || concluded.some(({ conclusion }) => conclusion.isFault);
    return isFault || traces.length === 0 ? EXIT.broken : EXIT.fine;
  },
};

function printed(trace: TraceReport & { readonly conclusion: ReturnType<typeof concludeTrace> }): string {
  const { conclusion } = trace;
  const { from, to, network, family, address } = trace;
  const head = `${from} → ${to}, ${network} network, ${family === "ipv4" ? "IPv4" : "IPv6"}, ${address}`;
  const sign = conclusion.isFault ? styleText(["red", "bold"], "✘") : styleText("green", "✔");
  const notes = conclusion.notes.map((note) => `· ${forText(note)}`);
  return [styleText("bold", forText(head)), table(rowsOf(trace)), `${sign} ${forText(conclusion.text)}`, ...notes].join(
    "\n",
  );
}

const HEADS = ["HOP", "ADDRESS", "NODE", "SENT", "LOSS", "MIN", "MEAN", "MAX", "PORTS"];

function rowsOf(trace: TraceReport): string[][] {
  const rows = trace.hops.flatMap(({ hop, sent, answered, routers }) => {
    const loss = sent === 0 ? "" : `${formatLoss(1 - answered / sent)}${answered < sent ? noFault(trace) : ""}`;
    if (routers.length === 0) return [[String(hop), "no answer", "", String(sent), loss]];
    return routers.map((router, i) => [
      i === 0 ? String(hop) : "",
      forText(router.address),
      forText(router.node ?? ""),
      i === 0 ? String(sent) : "",
      i === 0 ? loss : "",
      ...delays(router.rtt),
      portsOf(trace, router),
    ]);
  });
  return [HEADS, ...rows, ...endRows(trace)];
}

/** Where the end answers, a router that does not has lost nothing. */
function noFault({ ends }: TraceReport): string {
  return ends.some(({ answered, refused }) => answered + refused > 0) ? ", no fault" : "";
}

/** Ports that lose stand apart from the others. */
function endRows(trace: TraceReport): string[][] {
  const bad = badPorts(trace);
  const good = trace.ends.map((_, i) => i).filter((i) => !bad.includes(i));
  return [good, bad]
    .filter((ports) => ports.length > 0)
    .map((ports) => {
      const ends = ports.map((i) => trace.ends[i]!);
      const sent = ends.reduce((sum, end) => sum + end.sent, 0);
      const came = ends.reduce((sum, end) => sum + end.answered + end.refused, 0);
      const lengths = [...new Set(ends.flatMap(({ hops }) => hops ?? []))].sort((a, b) => a - b);
      const known = ends.flatMap(({ rtt }) => rtt ?? []);
      return [
        lengths.join(",") || "end",
        forText(trace.address),
        forText(trace.to),
        String(sent),
        sent === 0 ? "" : formatLoss(1 - came / sent),
        ...delays(
          known.length === 0
            ? undefined
            : {
                minNs: Math.min(...known.map(({ minNs }) => minNs)),
                meanNs: known.reduce((sum, { meanNs }) => sum + meanNs, 0) / known.length,
                maxNs: Math.max(...known.map(({ maxNs }) => maxNs)),
              },
        ),
        namesOf(trace, ports),
      ];
    });
}

const delays = (rtt: Delays | undefined): string[] =>
  rtt === undefined ? ["", "", ""] : [rtt.minNs, rtt.meanNs, rtt.maxNs].map(formatDelay);

const portsOf = (trace: TraceReport, { ports }: Answerer): string => namesOf(trace, ports);

function namesOf({ sourcePorts }: TraceReport, ports: readonly number[]): string {
  if (ports.length === sourcePorts.length) return "all";
  return ports.map((i) => String(sourcePorts[i])).join(" ");
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= least && number <= most) return number;
    throw new InvalidArgumentError(`It takes a whole number from ${least} to ${most}.`);
  };
}

function seconds(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (number >= least && number <= most) return number;
    throw new InvalidArgumentError(`It takes seconds from ${least} to ${most}.`);
  };
}
