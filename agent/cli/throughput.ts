// How much a path carries from one node to another, by TCP or UDP: what `iperf3` is for.
import { InvalidArgumentError, Option } from "commander";
import { createInterface } from "node:readline/promises";
import { styleText } from "node:util";
import type { ThroughputProgress, ThroughputResult } from "../actions/throughput/action.ts";
import { bitsPerSecond, type ThroughputReport } from "../actions/throughput/report.ts";
import {
  BULK_PROTOCOLS,
  MAX_RATE_MBPS,
  MAX_SECONDS,
  MAX_STREAMS,
  mostBytes,
  type BulkProtocol,
} from "../actions/throughput/request.ts";
import { forLog, forText } from "../base/escape.ts";
import { counted, formatBits, formatBytes, formatDelay, formatLoss } from "../base/format.ts";
import { IP_FAMILIES, NETWORKS, type IpFamily, type Network } from "../model/peer.ts";
import { runAction } from "./actions/run-action.ts";
import { declareToken } from "./actions/token.ts";
import { EXIT, UsageError, type Command } from "./command.ts";
import { AgentUnreachable } from "./mesh-client.ts";
import { declareReach, readReach } from "./reach.ts";
import { table } from "./text-table.ts";

const MORE = `
The agent of FROM sends to the agent of TO, one network after the other, and both say what they count: what was sent, what
arrived, for TCP the segments that had to be sent again (the kernel's count) and the round-trip time while the path is full,
for UDP loss, reordering and jitter (RFC 3550). Bytes are payload.

TCP sends as fast as the path takes it, up to --rate; it comes to the agents' probe port, so nothing else has to be open. UDP
sends at --rate whatever is lost, on the pod network, to a port of its own that is open for the run and for FROM only.
The node network can be measured where agents listen there (hostPort, hostNetwork).

It fills the path: others on it will feel it, and the agents themselves may find loss. So it asks first (--yes answers), never
two run at once in a mesh, and it ends with you: Ctrl-C stops the sender.
The agents send and receive in one thread beside their probes, and share the nodes' CPUs with everybody else: above some
Gbit/s the figure is the CPU's, not the path's.

Agents do this only where actions are switched on (config.actions.enabled in the chart's values), with their token.

Examples:
  internode throughput node-1 node-3
  internode throughput node-1 node-3 --streams 4 --seconds 10 --yes
  internode throughput node-1 node-3 --protocol udp --rate 500 --yes
  internode throughput node-1 node-3 --yes -o json | jq '.runs[].received'

Exit: 0 measured, 1 not all of it could be, 2 bad usage.`;

interface Options {
  readonly protocol: BulkProtocol;
  readonly network?: Network;
  readonly family?: IpFamily;
  readonly seconds: number;
  readonly streams: number;
  readonly message?: number;
  readonly rate?: number;
  readonly yes?: true;
  readonly output: "table" | "json";
  readonly tokenFile?: string;
}

export const command: Command = {
  declare: (parser) =>
    void declareToken(declareReach(parser))
      .argument("<FROM>", "node that sends")
      .argument("<TO>", "node that receives")
      .addOption(new Option("--protocol <NAME>", "what to send by").choices(BULK_PROTOCOLS).default("tcp"))
      .addOption(new Option("--network <NAME>", "only this network").choices(NETWORKS))
      .addOption(new Option("--family <NAME>", "this address family (default: the primary one)").choices(IP_FAMILIES))
      .option(
        "-t, --seconds <NUMBER>",
        `how long on each network, 1 to ${MAX_SECONDS}`,
        within(1, MAX_SECONDS, "whole"),
        5,
      )
      .option("-P, --streams <NUMBER>", `connections at once, 1 to ${MAX_STREAMS}`, within(1, MAX_STREAMS, "whole"), 1)
      .option(
        "-l, --message <BYTES>",
        "of each write, or payload of each UDP packet (default: 131072; as large as the path carries)",
        within(32, 1_048_576, "whole"),
      )
      .option(
        "--rate <MBIT>",
        `no faster, in Mbit/s, up to ${MAX_RATE_MBPS} (default: TCP that, UDP 100)`,
        within(0.1, MAX_RATE_MBPS, "any"),
      )
      .option("-y, --yes", "do not ask")
      .addOption(new Option("-o, --output <FORMAT>", "how to print it").choices(["table", "json"]).default("table"))
      .addHelpText("after", MORE),
  async run(typed, signal) {
    const [from, target] = typed.args as [string, string];
    const options = typed.options as unknown as Options;
    if (from === target) throw new UsageError(`FROM and TO are both '${from}': name two nodes`);
    const reach = readReach(typed);
    if (!(await isAgreed({ from, target }, options, signal))) return EXIT.broken;
    const { protocol, network, family, seconds, streams, message, rate, output } = options;
    const request = {
      target,
      protocol,
      seconds,
      streams,
      ...(network && { networks: [network] }),
      ...(family && { family }),
      ...(message !== undefined && { messageBytes: message }),
      ...(rate !== undefined && { rateMbps: rate }),
    };
    const wanted = { action: "throughput", node: from, request, tokenFile: options.tokenFile };
    try {
      for await (const line of runAction(reach, wanted, signal)) {
        if (line.kind === "progress") {
          if (output === "table" && "interval" in line)
            console.log(intervalLine(line as unknown as ThroughputProgress));
          continue;
        }
        if (line.kind === "result" && typeof line["note"] === "string")
          console.error(`internode throughput: ${forText(line["note"])}`);
        const { runs } = line as unknown as ThroughputResult;
        if (output === "json") console.log(forLog(JSON.stringify({ schemaVersion: 1, runs }, null, 2)));
        else console.log(`\n${printed(runs)}`);
        return runs.length > 0 && runs.every(({ failed }) => failed === undefined) ? EXIT.fine : EXIT.broken;
      }
    } catch (err) {
      if (signal.aborted) return EXIT.broken;
      if (!(err instanceof AgentUnreachable)) throw err;
      console.error(`internode throughput: ${err.message}`);
    }
    return EXIT.broken;
  },
};

/** Throws UsageError where nobody can be asked. */
async function isAgreed(
  { from, target }: { readonly from: string; readonly target: string },
  { protocol, seconds, network, rate, yes }: Options,
  signal: AbortSignal,
): Promise<boolean> {
  if (yes === true) return true;
  // UDP is measured on the pod network; of TCP the agent knows whether it can be on both.
  const networks = network !== undefined || protocol === "udp" ? 1 : NETWORKS.length;
  const most = mostBytes({ protocol, seconds, networks, rateMbps: rate });
  const what = `This sends up to ${formatBytes(most)} from ${from} to ${target} within ${seconds * networks} s, as fast as the path ${protocol === "tcp" ? "takes it" : "is told to"}. Others on the path will feel it.`;
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new UsageError(`${what} There is no terminal to ask at: add --yes if that is what you want`);
  using terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${forText(what)} Go on? [y/N] `, { signal }).catch(() => "");
  return /^y(es)?$/i.test(answer.trim());
}

function intervalLine({ network, protocol, interval, of }: ThroughputProgress): string {
  const { second, sentBytes, receivedBytes, retransmits } = interval;
  const rate = (bytes: number) => formatBits(bytes * 8).padStart(12);
  const again = retransmits === undefined ? "" : `, ${counted(retransmits, "segment")} sent again`;
  const at = `${second} of ${of} s`.padStart(String(of).length * 2 + 6);
  return `${network} network, ${protocol.toUpperCase()}, ${at}: sent ${rate(sentBytes)}, received ${rate(receivedBytes)}${again}`;
}

const HEADS = [
  "NETWORK",
  "TO",
  "PROTOCOL",
  "STREAMS",
  "MESSAGE",
  "SENT",
  "RECEIVED",
  "LOST",
  "SENT AGAIN",
  "RTT",
  "JITTER",
];

function printed(runs: readonly ThroughputReport[]): string {
  const measured = runs.filter(({ failed }) => failed === undefined);
  const failed = runs.flatMap((run) =>
    run.failed === undefined
      ? []
      : [`${styleText(["red", "bold"], "✘")} ${forText(`${run.network} network: ${run.failed}`)}`],
  );
  const notes = measured.flatMap(notesOf).map((note) => `· ${forText(note)}`);
  return [...(measured.length > 0 ? [table([HEADS, ...measured.map(rowOf)])] : []), ...failed, ...notes].join("\n");
}

function rowOf({
  network,
  address,
  protocol,
  streams,
  messageBytes,
  sent,
  received,
  lost,
}: ThroughputReport): string[] {
  const packets = sent?.packets ?? 0;
  return [
    network,
    forText(address),
    protocol.toUpperCase(),
    String(streams),
    `${messageBytes} B`,
    sent ? formatBits(bitsPerSecond(sent)) : "?",
    received ? formatBits(bitsPerSecond(received)) : "?",
    lost === undefined || packets === 0 ? "" : `${lost} of ${packets} (${formatLoss(lost / packets)})`,
    sent?.tcp ? `${sent.tcp.retransmits} of ${sent.tcp.segments}` : "",
    sent?.tcp ? formatDelay(sent.tcp.rttNs) : "",
    received?.udp ? formatDelay(received.udp.jitterNs) : "",
  ];
}

function notesOf({ network, sent, received, rateMbps, protocol }: ThroughputReport): string[] {
  const { reordered = 0, duplicates = 0, socketDrops = 0 } = received?.udp ?? {};
  const reached = sent ? bitsPerSecond(sent) / (rateMbps * 1e6) : 1;
  return [
    ...(reordered > 0 ? [`${network} network: ${counted(reordered, "packet")} came out of order`] : []),
    ...(duplicates > 0 ? [`${network} network: ${counted(duplicates, "packet")} came twice`] : []),
    ...(socketDrops > 0
      ? [
          `${network} network: ${counted(socketDrops, "packet")} arrived and found no room in the receiver's socket: its CPU was the limit, not the path`,
        ]
      : []),
    ...(protocol === "udp" && reached < 0.95
      ? [
          `${network} network: the sender reached ${Math.round(reached * 100)}% of the rate asked for: its CPU was the limit, or its interface took no more (${counted(sent?.unsent ?? 0, "packet")} refused)`,
        ]
      : []),
  ];
}

function within(least: number, most: number, kind: "whole" | "any"): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (number >= least && number <= most && (kind === "any" || Number.isInteger(number))) return number;
    throw new InvalidArgumentError(`It takes a ${kind === "whole" ? "whole " : ""}number from ${least} to ${most}.`);
  };
}
