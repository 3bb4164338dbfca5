// What is known of one slot besides its loss and its delays, in words: for who looks at a single pair.
import { counted, listed } from "../../base/format.ts";
import type { Hops, PairWindow } from "../../model/snapshot.ts";

/** `knownAs`: the address at which the destination probes the source; undefined where it does not. Empty: nothing to say. */
export function pairNotes(pair: PairWindow, knownAs: string | undefined): string {
  const { failures, retransmits, refusals, reasons } = pair.window;
  const parts = [
    refusals > 0 ? `${refusals} refused: the host answers, the port is closed` : "",
    pair.protocol === "udp" && failures > 0 ? udpDirections(pair) : "",
    portsText(pair),
    retransmits > 0 ? `${counted(retransmits, "SYN")} sent again` : "",
    ...Object.entries(reasons)
      .filter(([reason, n]) => reason !== "timeout" && n > 0)
      .map(([reason, n]) => `${n} ${reason}`),
    seenText(pair, knownAs),
  ];
  return parts.filter((part) => part !== "").join("; ");
}

/** There and back as far as they are known, with the last change of ten minutes. */
export function hopsText({ hops: back, hopsThere: there }: PairWindow): string {
  const [wayThere, wayBack] = [there, back].map((way) => way && numberText(way));
  if (wayThere === wayBack) return wayThere ?? "–";
  return [wayThere && `${wayThere} there`, wayBack && `${wayBack} back`].filter(Boolean).join(", ");
}

const numberText = ({ now, before, changedAt }: Hops): string =>
  before === undefined || changedAt === undefined
    ? String(now)
    : `${now} (${before} until ${changedAt.slice(11, 19)} UTC)`;

function udpDirections({ window: { failures, lostForward, lostReverse } }: PairWindow): string {
  if (lostForward + lostReverse === 0) return "which way they died is not known";
  const unknown = failures - lostForward - lostReverse;
  return `lost ${lostForward} on the way there, ${lostReverse} on the way back${unknown > 0 ? `, ${unknown} not known` : ""}`;
}

/** Where some source ports lose and others do not: equal paths of which some are bad look like that. */
function portsText({ ports }: PairWindow): string {
  if (ports === undefined) return "";
  const used = ports.probes.map((probes, i) => ({ probes, failures: ports.failures[i] ?? 0, i }));
  const losing = used.filter(({ failures }) => failures > 0);
  if (losing.length === 0 || used.every(({ probes, failures }) => probes === 0 || failures > 0)) return "";
  const each = losing.map(({ probes, failures, i }) => `${failures} of ${probes} by the ${ordinal(i + 1)}`);
  return `in five minutes lost ${listed(each, ports.probes.length)} of ${ports.probes.length} source ports`;
}

const ordinal = (n: number): string =>
  `${n}${{ 1: "st", 2: "nd", 3: "rd" }[n % 100 > 10 && n % 100 < 14 ? 0 : n % 10] ?? "th"}`;

function seenText({ seenAs }: PairWindow, knownAs: string | undefined): string {
  if (seenAs === undefined) return "";
  return knownAs === undefined || knownAs === seenAs
    ? `arrives from ${seenAs}`
    : `arrives from ${seenAs}, though it was sent from ${knownAs}: translated on the way`;
}
