// What `internode ping` shows of its probes: a table of all, and a line for one. Pure.
import { styleText } from "node:util";
import type { PingedSlot } from "../actions/ping/action.ts";
import type { SlotEvent, SlotTally } from "../actions/tally.ts";
import { forText } from "../base/escape.ts";
import { formatDelay, formatLoss } from "../base/format.ts";
import { LOSSY_RATIO } from "../model/thresholds.ts";
import { lossRatio, type WindowSummary } from "../model/window.ts";
import { table } from "./text-table.ts";

export interface Pinged {
  readonly slot: PingedSlot;
  readonly tally: SlotTally;
}

const HEADS = ["NETWORK", "PROTOCOL", "ADDRESS", "SENT", "LOSS", "LAST", "MIN", "MEAN", "MAX", "JITTER", "LOST", ""];

export function pingScreen(
  { from, to }: { readonly from: string; readonly to: string },
  pinged: readonly Pinged[],
): string {
  const title = styleText("bold", forText(`${from} to ${to}`));
  return `${title}\n${table([HEADS, ...pinged.map(cells)])}`;
}

function cells({ slot, tally }: Pinged): readonly string[] {
  const { window } = tally;
  const ratio = lossRatio(window);
  const loss = ratio === undefined ? "" : formatLoss(ratio);
  return [
    forText(slot.network),
    forText(slot.protocol),
    forText(slot.address),
    String(window.probes),
    ratio !== undefined && ratio > LOSSY_RATIO ? styleText("red", loss) : loss,
    ...[tally.lastNs, window.rttMinNs, window.rttMeanNs, window.rttMaxNs, window.jitterNs].map((ns) =>
      ns === undefined ? "-" : formatDelay(ns),
    ),
    lostWays(window) || "-",
    forText(remarks(tally)),
  ];
}

const lostWays = ({ lostForward, lostReverse }: WindowSummary): string =>
  [lostForward > 0 && `${lostForward} >`, lostReverse > 0 && `${lostReverse} <`].filter(Boolean).join(" ");

function remarks({ window, local }: SlotTally): string {
  const { refusals, reasons, retransmits } = window;
  return [
    refusals > 0 && `${refusals} refused`,
    ...(["blocked", "unreachable"] as const).map((reason) => reasons[reason] && `${reasons[reason]} ${reason}`),
    retransmits > 0 && `${retransmits} SYN sent again`,
    ...Object.entries(local).map(([errno, n]) => `${n} not sent (${errno})`),
  ]
    .filter(Boolean)
    .join(", ");
}

/** Nothing for what is told by a later line, or belongs to an earlier one. */
export function eventLine({ network, protocol, address }: PingedSlot, event: SlotEvent): string | undefined {
  const line = (text: string) => forText(`${network} ${protocol} ${address}: ${text}`);
  const again = "retransmits" in event && event.retransmits ? `, ${event.retransmits} SYN sent again` : "";
  switch (event.came) {
    case "answered":
      // The delay of a UDP answer is known when the next one has come.
      if (event.rttNs === undefined) return protocol === "udp" ? undefined : line(`answered${again}`);
      return line(`${formatDelay(event.rttNs)}${again}`);
    case "delay":
      return line(formatDelay(event.rttNs));
    case "refused":
      return line("refused");
    case "timeout":
      return line(`no answer${again}`);
    case "blocked":
    case "unreachable":
      return line(`${event.came}${again}`);
    case "lost":
      return event.direction === "unknown"
        ? undefined
        : line(`a lost probe died on the way ${event.direction === "forward" ? "there" : "back"}`);
    case "local":
      return line(`not sent by this node itself (${event.errno})`);
  }
}
