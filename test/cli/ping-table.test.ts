import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import type { PingedSlot } from "../../agent/actions/ping/action.ts";
import { SlotTally, type SlotEvent } from "../../agent/actions/tally.ts";
import { eventLine, pingScreen } from "../../agent/cli/ping-table.ts";

const UDP: PingedSlot = { network: "pod", protocol: "udp", family: "ipv4", address: "10.244.2.2" };
const TCP: PingedSlot = { ...UDP, protocol: "tcp" };

function pinged(slot: PingedSlot, ...events: readonly SlotEvent[]) {
  const tally = new SlotTally();
  for (const event of events) tally.take(event);
  return { slot, tally };
}

test("the table has a row for each protocol, with the way that lost probes died and what is worth a word", () => {
  const screen = pingScreen({ from: "node-1", to: "node-2" }, [
    pinged(
      UDP,
      { slot: 0, came: "answered", rttNs: 152_000 },
      { slot: 0, came: "timeout" },
      { slot: 0, came: "lost", direction: "reverse" },
    ),
    pinged(TCP, { slot: 1, came: "answered", retransmits: 1 }, { slot: 1, came: "refused" }),
  ]);
  expect(stripVTControlCharacters(screen).split("\n")).toEqual([
    "node-1 to node-2",
    "NETWORK  PROTOCOL  ADDRESS     SENT  LOSS  LAST    MIN     MEAN    MAX     JITTER  LOST",
    "pod      udp       10.244.2.2  2     50%   152 µs  152 µs  152 µs  152 µs  -       1 <",
    "pod      tcp       10.244.2.2  2     33%   -       -       -       -       -       -     1 refused, 1 SYN sent again",
  ]);
});

test.each<[SlotEvent, PingedSlot, string | undefined]>([
  [{ slot: 0, came: "answered", rttNs: 91_000 }, TCP, "pod tcp 10.244.2.2: 91 µs"],
  [{ slot: 0, came: "answered", retransmits: 2 }, TCP, "pod tcp 10.244.2.2: answered, 2 SYN sent again"],
  [{ slot: 0, came: "answered" }, UDP, undefined],
  [{ slot: 0, came: "delay", rttNs: 91_000 }, UDP, "pod udp 10.244.2.2: 91 µs"],
  [{ slot: 0, came: "timeout" }, UDP, "pod udp 10.244.2.2: no answer"],
  [{ slot: 0, came: "lost", direction: "forward" }, UDP, "pod udp 10.244.2.2: a lost probe died on the way there"],
  [{ slot: 0, came: "lost", direction: "unknown" }, UDP, undefined],
  [{ slot: 0, came: "local", errno: "EPERM" }, UDP, "pod udp 10.244.2.2: not sent by this node itself (EPERM)"],
])("%j is the line %s %s", (event, slot, line) => {
  expect(eventLine(slot, event)).toBe(line);
});
