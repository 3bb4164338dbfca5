// From the text of a fault to a fault. Pure. What is not understood is named, and the grammar is told.
import { NETWORKS, type Network, type Protocol } from "../../agent/model/peer.ts";
import { PROTOCOLS } from "../../agent/probes/protocols.ts";
import type { DnsAnswer } from "../dns-messages.ts";
import { LabError } from "../machine.ts";
import { OVERLAY_MTU, UNDERLAY_MTU, type LabNode, type LabPaths, type LabRouter } from "../plan.ts";
import { SOFTNET_EFFECTS, type Fault, type FaultKind, type Link, type Pulse } from "./fault.ts";

/** A text that is no fault. */
export class FaultSyntaxError extends LabError {}

export const GRAMMAR = `A fault is written  KIND WHERE [AMOUNT] [on pod|node]
  WHERE   A->B     one way         A<->B   both ways       A, B: a node, a zone, several with commas, or all
          A        all links of a node or zone, both ways
  loss WHERE 20%         drop WHERE             delay WHERE 20ms      mtu WHERE 1300
  reorder WHERE 5%       duplicate WHERE 5%     corrupt WHERE 5% [silent]
  filter WHERE icmp|tcp|udp                     service-path A        dns A silent|servfail|2s
  reject WHERE icmp|tcp|udp
  unroute WHERE          misdirect WHERE        extra-hop WHERE       masquerade A
  take-address A->B      neighbours-full A->B   softnet A->B drops|squeezes
  conntrack-full A       rack A,B,C 5%          throttle A 64kbit     link-mtu A 1400
  freeze A               starve A 5%            kill A
loss and drop hit one of several equal paths (demo --paths 4) with 'via path-1' behind them.
Any of them comes and goes with 'for 5s every 30s' behind it.
Without 'on', both networks are hit; mtu is of the pod network unless told, reject, unroute, misdirect, extra-hop, masquerade and
take-address of that alone.`;

/** The smallest IPv4 MTU (RFC 791). */
const MIN_MTU = 68;
const MAX_DELAY_MS = 60_000;
/** Putting a fault in force and ending it takes some tens of milliseconds. */
const MIN_STRETCH_MS = 200;
const MAX_STRETCH_MS = 3_600_000;
/** Bits a second: one packet of full size in a second and a half; what no queue of a lab is needed for. */
const [MIN_RATE_BITS, MAX_RATE_BITS] = [8_000, 1e9];
/** Quotas below one per cent starve the process so much that it cannot even end. */
const MIN_QUOTA_PERCENT = 1;

/** `paths` are those of a lab with several. */
export function parseFault(text: string, nodes: readonly LabNode[], paths?: LabPaths): Fault {
  const words = new Words(text);
  const kind = words.next("a kind of fault");
  if (!isKind(kind)) throw words.fault(`'${kind}' is no kind of fault; there are ${KINDS.join(", ")}`);
  const fault = parseRest(kind, words, { nodes, paths });
  const pulse = parsePulse(words);
  words.end();
  return pulse ? { ...fault, pulse } : fault;
}

const KINDS = [
  "loss",
  "drop",
  "delay",
  "reorder",
  "duplicate",
  "corrupt",
  "mtu",
  "link-mtu",
  "throttle",
  "filter",
  "reject",
  "unroute",
  "misdirect",
  "extra-hop",
  "take-address",
  "masquerade",
  "service-path",
  "dns",
  "conntrack-full",
  "neighbours-full",
  "softnet",
  "rack",
  "freeze",
  "starve",
  "kill",
] as const satisfies readonly FaultKind[];
const isKind = (word: string): word is FaultKind => (KINDS as readonly string[]).includes(word);

interface Places {
  readonly nodes: readonly LabNode[];
  readonly paths: LabPaths | undefined;
}

function parseRest(kind: FaultKind, words: Words, { nodes, paths }: Places): Fault {
  const { text } = words;
  switch (kind) {
    case "freeze":
    case "kill":
    case "service-path":
    case "masquerade":
    case "conntrack-full":
      return { kind, text, nodes: parseNodes(words, nodes) };
    case "dns":
      return { kind, text, nodes: parseNodes(words, nodes), answer: parseAnswer(words) };
    case "rack":
      return { kind, text, nodes: parseNodes(words, nodes), ratio: parsePercent(words, 0) };
    case "throttle":
      return { kind, text, nodes: parseNodes(words, nodes), bitsPerSecond: parseRate(words) };
    case "link-mtu": {
      const named = parseNodes(words, nodes);
      const word = words.next("a size in bytes such as 1400");
      return { kind, text, nodes: named, bytes: parseMtu({ word, words, on: ["node"] }) };
    }
    case "starve":
      return { kind, text, nodes: parseNodes(words, nodes), ratio: parsePercent(words, MIN_QUOTA_PERCENT) };
    case "unroute":
    case "misdirect":
    case "extra-hop":
      return { kind, text, links: parseLinks(words, nodes), on: ["pod"] };
    case "neighbours-full": {
      const links = parseLinks(words, nodes);
      if (links.some(({ from }) => from !== links[0]!.from)) throw words.fault("one node forgets others: A->B");
      return { kind, text, links, on: NETWORKS };
    }
    case "softnet": {
      const links = parseLinks(words, nodes);
      if (links.length !== 1) throw words.fault("one node floods one other: A->B");
      const word = words.next(`what it does: ${SOFTNET_EFFECTS.join(" or ")}`);
      const effect = SOFTNET_EFFECTS.find((effect) => effect === word);
      if (!effect) throw words.fault(`'${word}' is neither ${SOFTNET_EFFECTS.join(" nor ")}`);
      return { kind, text, links, effect, on: NETWORKS };
    }
    case "take-address": {
      const links = parseLinks(words, nodes);
      if (links.length !== 1) throw words.fault("one node takes the address of one other: A->B");
      return { kind, text, links, on: ["pod"] };
    }
    case "drop":
      return {
        kind,
        text,
        links: parseLinks(words, nodes),
        on: parseOn(words, NETWORKS),
        ...parseVia(words, paths),
      };
    case "loss":
      return {
        kind,
        text,
        links: parseLinks(words, nodes),
        ratio: parsePercent(words, 0),
        on: parseOn(words, NETWORKS),
        ...parseVia(words, paths),
      };
    case "reorder":
    case "duplicate":
      return {
        kind,
        text,
        links: parseLinks(words, nodes),
        ratio: parsePercent(words, 0),
        on: parseOn(words, NETWORKS),
      };
    case "corrupt":
      return {
        kind,
        text,
        links: parseLinks(words, nodes),
        ratio: parsePercent(words, 0),
        isSilent: words.take("silent"),
        on: parseOn(words, NETWORKS),
      };
    case "delay":
      return { kind, text, links: parseLinks(words, nodes), delayMs: parseDelay(words), on: parseOn(words, NETWORKS) };
    case "filter":
      return {
        kind,
        text,
        links: parseLinks(words, nodes),
        protocol: parseProtocol(words),
        on: parseOn(words, NETWORKS),
      };
    case "reject":
      return { kind, text, links: parseLinks(words, nodes), protocol: parseProtocol(words), on: ["pod"] };
    case "mtu": {
      const links = parseLinks(words, nodes);
      const word = words.next("a size in bytes such as 1300");
      const on = parseOn(words, ["pod"]);
      return { kind, text, links, bytes: parseMtu({ word, words, on }), on };
    }
  }
}

function parseLinks(words: Words, nodes: readonly LabNode[]): Link[] {
  const where = words.next("where: A->B, A<->B or A");
  const [, left = where, arrow, right = ""] = /^(.+?)(<->|->|<-|↔|→|←)(.*)$/.exec(where) ?? [];
  const lefts = resolve(left, words, nodes);
  if (arrow === undefined)
    return nodes.flatMap((from) =>
      nodes.filter((to) => to !== from && (lefts.includes(from) || lefts.includes(to))).map((to) => ({ from, to })),
    );
  const rights = resolve(right, words, nodes);
  const there = lefts.flatMap((from) => rights.filter((to) => to !== from).map((to) => ({ from, to })));
  const back = there.map(({ from, to }) => ({ from: to, to: from }));
  const links =
    arrow === "->" || arrow === "→" ? there : arrow === "<-" || arrow === "←" ? back : unique([...there, ...back]);
  if (links.length === 0) throw words.fault(`'${where}' is a node and itself: there is no link between them`);
  return links;
}

const unique = (links: readonly Link[]): Link[] => [
  ...new Map(links.map((link) => [`${link.from.number}>${link.to.number}`, link])).values(),
];

function parseNodes(words: Words, nodes: readonly LabNode[]): LabNode[] {
  return resolve(words.next("a node"), words, nodes);
}

function resolve(names: string, words: Words, nodes: readonly LabNode[]): LabNode[] {
  const named = names.split(",").flatMap((name) => resolveOne(name, words, nodes));
  return nodes.filter((node) => named.includes(node));
}

function resolveOne(name: string, words: Words, nodes: readonly LabNode[]): readonly LabNode[] {
  if (name === "all") return nodes;
  const found = nodes.filter((node) => node.name === name || node.zone === name);
  if (found.length > 0) return found;
  const zones = [...new Set(nodes.map((node) => node.zone))];
  const hint = name.endsWith("-") ? ". A shell takes '>' for itself: put the fault in quotes" : "";
  throw words.fault(
    `there is no node or zone '${name}'; there are ${[...nodes.map((node) => node.name), ...zones].join(", ")}${hint}`,
  );
}

function parsePercent(words: Words, min: number): number {
  const word = words.next("a percentage such as 20%");
  const [, digits] = /^(\d+(?:\.\d+)?)%$/.exec(word) ?? [];
  const percent = Number(digits);
  if (digits === undefined || percent > 100 || percent < min || percent === 0)
    throw words.fault(
      `'${word}' is no percentage ${min > 0 ? `from ${min}%` : "above 0%"} to 100%, written like 20% or 0.1%`,
    );
  return percent / 100;
}

function parseRate(words: Words): number {
  const word = words.next("a rate such as 64kbit");
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(kbit|mbit)$/.exec(word) ?? [];
  const bits = Number(digits) * (unit === "mbit" ? 1e6 : 1e3);
  if (digits === undefined || bits < MIN_RATE_BITS || bits > MAX_RATE_BITS)
    throw words.fault(`'${word}' is no rate from 8kbit to 1000mbit, written like 64kbit or 1.5mbit`);
  return Math.round(bits);
}

function parseDelay(words: Words): number {
  const word = words.next("a delay such as 20ms");
  const ms = millisecondsOf(word);
  if (ms === undefined || ms <= 0 || ms > MAX_DELAY_MS)
    throw words.fault(`'${word}' is no delay above 0 and up to ${MAX_DELAY_MS / 1_000}s, written like 20ms or 1.5s`);
  return ms;
}

function parseAnswer(words: Words): DnsAnswer {
  if (words.take("silent")) return { kind: "silent" };
  if (words.take("servfail")) return { kind: "servfail" };
  const word = words.next("how it answers: silent, servfail or a delay such as 2s");
  const afterMs = millisecondsOf(word);
  if (afterMs === undefined || afterMs <= 0 || afterMs > MAX_DELAY_MS)
    throw words.fault(`'${word}' is no way to answer; there are silent, servfail, and a delay such as 2s`);
  return { kind: "late", afterMs };
}

function millisecondsOf(word: string): number | undefined {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(word) ?? [];
  return digits === undefined ? undefined : Number(digits) * (unit === "s" ? 1_000 : 1);
}

function parsePulse(words: Words): Pulse | undefined {
  if (!words.take("for")) return undefined;
  const forMs = parseStretch(words, "how long it lasts, such as 5s");
  if (!words.take("every")) throw words.fault("'for' tells how long it lasts, and 'every 30s' behind it how often");
  const everyMs = parseStretch(words, "how often it comes, such as 30s");
  if (everyMs - forMs < MIN_STRETCH_MS)
    throw words.fault(`it lasts ${forMs} ms and comes every ${everyMs} ms, so it would not go in between`);
  return { forMs, everyMs };
}

function parseStretch(words: Words, wanted: string): number {
  const word = words.next(wanted);
  const ms = millisecondsOf(word);
  if (ms === undefined || ms < MIN_STRETCH_MS || ms > MAX_STRETCH_MS)
    throw words.fault(
      `'${word}' is no time from ${MIN_STRETCH_MS / 1_000}s to ${MAX_STRETCH_MS / 1_000}s, written like 500ms or 30s`,
    );
  return ms;
}

function parseMtu({ word, words, on }: { word: string; words: Words; on: readonly Network[] }): number {
  const max = on.includes("node") ? UNDERLAY_MTU : OVERLAY_MTU;
  const bytes = Number(word);
  if (!/^\d+$/.test(word) || bytes < MIN_MTU || bytes >= max)
    throw words.fault(
      `'${word}' is no size of IP packet from ${MIN_MTU} to ${max - 1} bytes, less than the ${max} that pass now`,
    );
  return bytes;
}

function parseProtocol(words: Words): Protocol {
  const word = words.next("a protocol");
  const protocol = PROTOCOLS.find((protocol) => protocol === word);
  if (!protocol) throw words.fault(`'${word}' is no protocol; there are ${PROTOCOLS.join(", ")}`);
  return protocol;
}

function parseOn(words: Words, otherwise: readonly Network[]): readonly Network[] {
  if (!words.take("on")) return otherwise;
  const word = words.next("a network after 'on'");
  const network = NETWORKS.find((network) => network === word);
  if (!network)
    throw words.fault(`'${word}' is no network; there are ${NETWORKS.join(" and ")}, and without 'on' both`);
  return [network];
}

function parseVia(words: Words, paths: LabPaths | undefined): { via?: readonly LabRouter[] } {
  if (!words.take("via")) return {};
  const word = words.next("a path after 'via'");
  if (!paths) throw words.fault(`there is one way only; a lab with '--paths 4' has path-1 to path-4`);
  const via = word.split(",").map((name) => {
    const path = paths.paths.find((path) => path.name === name);
    if (!path)
      throw words.fault(`there is no path '${name}'; there are ${paths.paths.map(({ name }) => name).join(", ")}`);
    return path;
  });
  return { via };
}

/** Words of a fault, taken one by one. */
class Words {
  readonly text: string;
  readonly #words: string[];

  constructor(text: string) {
    // "A -> B" is meant as "A->B".
    this.text = text
      .trim()
      .replaceAll(/\s*(<->|->|<-|↔|→|←)\s*/g, "$1")
      .replaceAll(/\s+/g, " ");
    this.#words = this.text === "" ? [] : this.text.split(" ");
  }

  next(wanted: string): string {
    const word = this.#words.shift();
    if (word === undefined) throw this.fault(`it ends where ${wanted} should be`);
    return word;
  }

  take(word: string): boolean {
    if (this.#words[0] !== word) return false;
    this.#words.shift();
    return true;
  }

  end(): void {
    if (this.#words.length > 0) throw this.fault(`'${this.#words.join(" ")}' at its end means nothing there`);
  }

  fault(what: string): FaultSyntaxError {
    return new FaultSyntaxError(`cannot understand the fault '${this.text}': ${what}.\n${GRAMMAR}`);
  }
}
