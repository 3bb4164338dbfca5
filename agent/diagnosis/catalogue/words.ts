// The words that findings are told in: subjects, networks, directions and figures as a person says them.
import { counted } from "../../base/format.ts";
import type { Direction, Figures, Finding, Scope, Subject } from "../../model/finding.ts";

/** What a sentence is made from. */
export type Said = Pick<Finding, "subject" | "scope" | "figures"> & { readonly direction?: Direction | undefined };

const NAMED = 4;

/** `a, b and c`; from the fifth on they are counted. */
export function listed(names: readonly string[], shown = NAMED): string {
  if (names.length > shown) return `${names.slice(0, shown).join(", ")} and ${names.length - shown} more`;
  if (names.length < 2) return names[0] ?? "nobody";
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)!}`;
}

export function subjectText(subject: Subject): string {
  switch (subject.kind) {
    case "node":
      return `node ${subject.node}`;
    case "pair":
      return `${subject.nodes[0]} and ${subject.nodes[1]}`;
    case "zone":
      return `zone ${subject.zone}`;
    case "zone-pair":
      return subject.zones[0] === subject.zones[1]
        ? `the nodes of zone ${subject.zones[0]}`
        : `zones ${subject.zones[0]} and ${subject.zones[1]}`;
    case "group":
      return `the ${counted(subject.nodes.length, "node")} ${listed(subject.nodes)}`;
    case "mesh":
      return "the whole mesh";
  }
}

/** At the beginning of a sentence. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** ` on the pod network`, ` (UDP over IPv6 on the node network)`, or nothing when all that is measured is meant. */
export function scopeText({ network, protocol, family }: Scope): string {
  const what = [protocol?.toUpperCase(), family && `over ${familyText(family)}`].filter(Boolean).join(" ");
  const where = network ? `on the ${network} network` : "";
  if (what === "" && where === "") return "";
  return ` ${[what === "" ? "" : `(${what})`, where].filter(Boolean).join(" ")}`;
}

/** `UDP on the pod network`: what cannot be measured. */
export const measureText = ({ protocol, ...scope }: Scope): string =>
  `${protocol?.toUpperCase() ?? "anything"}${scopeText(scope)}`;

export const familyText = (family: "ipv4" | "ipv6"): string => (family === "ipv4" ? "IPv4" : "IPv6");

/** `1.2 %`; never `0 %` for something, never `100 %` for less than all. */
export function percent(ratio: number): string {
  const value = ratio * 100;
  if (value > 0 && value < 0.01) return "under 0.01 %";
  if (value < 100 && value > 99.9) return "over 99.9 %";
  return `${value >= 10 ? Math.round(value * 10) / 10 : Number(value.toPrecision(2))} %`;
}

export const lossText = ({ loss }: Figures): string => (loss === undefined ? "packets" : `${percent(loss)} of packets`);

/** ` on the way out`, for a node, a zone, a group; between two: `, from a to b only`. */
export function directionText({ subject, direction }: Said): string {
  if (direction === undefined) return "";
  if (subject.kind === "pair" || subject.kind === "zone-pair") {
    const [a, b] = subject.kind === "pair" ? subject.nodes : subject.zones;
    if (a === b || direction === "both") return ", both ways";
    return direction === "out" ? `, from ${a} to ${b} only` : `, from ${b} to ${a} only`;
  }
  return { out: ", on the way out only", in: ", on the way in only", both: ", both ways" }[direction];
}

/** Out and in, in the middle of a sentence: between two there is no way out. */
export function waysText(subject: Subject): readonly [string, string] {
  if (subject.kind !== "pair" && subject.kind !== "zone-pair") return ["on the way out", "on the way in"];
  const [a, b] = subject.kind === "pair" ? subject.nodes : subject.zones;
  return [`from ${a} to ${b}`, `from ${b} to ${a}`];
}

export function millis(ns: number | undefined): string {
  if (ns === undefined) return "an unknown time";
  return ns < 1e6 ? `${Math.round(ns / 1e3)} µs` : `${Number((ns / 1e6).toPrecision(3))} ms`;
}
