// Probes from one node to another while you watch: every protocol on both networks at once.
import { Option } from "commander";
import { forLog, forText } from "../base/escape.ts";
import type { PingedSlot, PingProgress } from "../actions/ping/action.ts";
import { SlotTally } from "../actions/tally.ts";
import { IP_FAMILIES, NETWORKS } from "../model/peer.ts";
import { LOSSY_RATIO } from "../model/thresholds.ts";
import { lossRatio } from "../model/window.ts";
import { PROTOCOLS } from "../probes/protocols.ts";
import { runAction } from "./actions/run-action.ts";
import { declareToken } from "./actions/token.ts";
import { EXIT, UsageError, type Command, type Typed } from "./command.ts";
import { AgentUnreachable } from "./mesh-client.ts";
import { eventLine, pingScreen, type Pinged } from "./ping-table.ts";
import { declareReach, readReach } from "./reach.ts";
import { canRedraw, Screen } from "./screen.ts";

const MORE = `
The agent of FROM probes TO by every protocol that it measures, on both networks at once, and tells of each probe as it
ends. On a terminal one table is drawn again in place; elsewhere there is a line for each probe and the table at the end.
Ctrl-C ends it, with the table. Kernels stamp the packets: the delays are as true as those of the schedule.
  LOSS    lost probes of those sent; a SYN that was sent again is a lost one
  JITTER  mean difference between neighbouring delays
  LOST    UDP only: which way lost probes died, there (>) or back (<)
These probes have sockets of their own: no metric, no matrix and no finding counts them.

Agents do this only where actions are switched on (config.actions.enabled in the chart's values), with their token.

Examples:
  internode ping node-1 node-3
  internode ping node-1 node-3 -c 20 -i 0.2
  internode ping node-1 node-3 --network pod --protocol udp -c 100
  internode ping node-1 node-3 -c 5 -o json | jq '.slots[] | select(.window.failures > 0)'

Exit: 0 fine, 1 a protocol lost more than ${LOSSY_RATIO * 100}% or could not be tried, 2 bad usage.`;

const DRAWN_EVERY_MS = 200;

export const command: Command = {
  declare: (parser) =>
    void declareToken(declareReach(parser))
      .argument("<FROM>", "node whose agent probes")
      .argument("<TO>", "node that is probed")
      .option("-c, --count <N>", "probes of each protocol (default: until Ctrl-C)")
      .option("-i, --interval <SECONDS>", "between two probes of a protocol, 0.1 to 60", "1")
      .option("--timeout <SECONDS>", "a probe without an answer by then is lost, 0.1 to 4", "2")
      .addOption(new Option("--network <NAME>", "only this network").choices(NETWORKS))
      .addOption(new Option("--protocol <NAME>", "only this protocol").choices(PROTOCOLS))
      .addOption(new Option("--family <NAME>", "only this address family").choices(IP_FAMILIES))
      .addOption(new Option("-o, --output <FORMAT>", "how to print it").choices(["table", "json"]).default("table"))
      .addHelpText("after", MORE),
  async run(typed, signal) {
    const { from, target, request, tokenFile, output } = read(typed);
    const isTable = output === "table";
    const isLive = isTable && canRedraw(process.stdout);
    const screen = new Screen(isLive);
    const pinged: Pinged[] = [];
    let unavailable: readonly { readonly reason: string }[] = [];
    let drawnMs = 0;
    const table = () => pingScreen({ from, to: target }, pinged);
    let why: string | undefined;
    let note: string | undefined;
    try {
      const wanted = { action: "ping", node: from, request, tokenFile };
      for await (const line of runAction(readReach(typed), wanted, signal)) {
        if (line.kind === "result" && typeof line["note"] === "string") note = line["note"];
        if (line.kind !== "progress") continue;
        const progress = line as unknown as PingProgress;
        if ("slots" in progress) {
          pinged.push(...progress.slots.map((slot) => ({ slot, tally: new SlotTally() })));
          unavailable = progress.unavailable;
        } else if ("events" in progress) {
          for (const event of progress.events) {
            const one = pinged[event.slot];
            if (one === undefined) continue;
            one.tally.take(event);
            const text = eventLine(one.slot, event);
            if (isTable && !isLive && text !== undefined) console.log(text);
          }
          if (isLive && performance.now() - drawnMs >= DRAWN_EVERY_MS) {
            drawnMs = performance.now();
            screen.show(table());
          }
        }
      }
    } catch (err) {
      if (!signal.aborted && !(err instanceof AgentUnreachable)) throw err;
      if (!signal.aborted) why = (err as Error).message;
    }
    if (pinged.length > 0)
      if (isTable) screen.show(isLive ? table() : `\n${table()}`);
      else console.log(asJson({ from, to: target }, pinged, unavailable));
    for (const { reason } of unavailable) console.error(`internode ping: not probed: ${forText(reason)}`);
    for (const said of [note, why]) if (said !== undefined) console.error(`internode ping: ${forText(said)}`);
    const isFine = pinged.length > 0 && pinged.every(({ tally }) => (lossRatio(tally.window) ?? 0) <= LOSSY_RATIO);
    return isFine && why === undefined && unavailable.length === 0 ? EXIT.fine : EXIT.broken;
  },
};

function read(typed: Typed) {
  const [from, target] = typed.args as [string, string];
  const { count, interval, timeout, network, protocol, family, output, tokenFile } = typed.options as {
    readonly count?: string;
    readonly interval: string;
    readonly timeout: string;
    readonly network?: PingedSlot["network"];
    readonly protocol?: PingedSlot["protocol"];
    readonly family?: PingedSlot["family"];
    readonly output: string;
    readonly tokenFile?: string;
  };
  if (count !== undefined && !/^[1-9]\d{0,3}$|^10000$/.test(count))
    throw new UsageError(`--count takes a number from 1 to 10000, not '${count}'`);
  const request = {
    target,
    intervalMs: milliseconds("--interval", interval, { min: 0.1, max: 60 }),
    timeoutMs: milliseconds("--timeout", timeout, { min: 0.1, max: 4 }),
    ...(count !== undefined && { count: Number(count) }),
    ...(network && { networks: [network] }),
    ...(protocol && { protocols: [protocol] }),
    ...(family && { families: [family] }),
  };
  return { from, target, request, tokenFile, output };
}

function milliseconds(
  flag: string,
  text: string,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const seconds = Number(text);
  if (!(seconds >= min && seconds <= max))
    throw new UsageError(`${flag} takes seconds from ${min} to ${max}, not '${text}'`);
  return Math.round(seconds * 1_000);
}

function asJson(
  { from, to }: { readonly from: string; readonly to: string },
  pinged: readonly Pinged[],
  unavailable: readonly object[],
): string {
  const slots = pinged.map(({ slot, tally }) => ({ ...slot, window: tally.window, localErrors: tally.local }));
  return forLog(JSON.stringify({ schemaVersion: 1, from, to, slots, unavailable }, null, 2));
}
