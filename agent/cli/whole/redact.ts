// Names and addresses as stable pseudonyms. In tables only what is in a list of columns stays as it is; everywhere else
// known names and whatever is an address or a URL's host are replaced. The key makes them the same in every report of
// one cluster, and tells nobody else which name is behind.
import { createHmac } from "node:crypto";
import { parseCidr } from "../../base/cidr.ts";
import { parseIp } from "../../base/ip.ts";
import type { Block, Report } from "../report/report.ts";

/** Columns whose cells hold no name of anybody's: words of Kubernetes, of a CNI, or numbers. */
export const CLEAR_COLUMNS: readonly string[] = [
  "state",
  "pod MTU",
  "node MTU",
  "kernel",
  "agent",
  "from",
  "name",
  "version",
  "mode",
  "backend",
  "carries by",
  "encapsulation",
  "known by",
  "IP-in-IP",
  "VXLAN",
  "NAT outgoing",
  "disabled",
  "AS",
  "their AS",
  "range",
  "type",
  "since",
  "VNI",
  "role",
  "number",
  "agents",
  "for",
  "rules",
  "server",
  "names",
  "lookups",
  "failed",
  "reasons",
  "mean delay",
  "longest",
  "transport MTU",
  "Open vSwitch",
];

/** Of a URL, or of a certificate that is for other names. */
const HOSTS = /(https?:\/\/|\bDNS:)(\[[^\]\s]+\]|[^/\s:,;"')\\]+)/g;
const MAC = /(?<![\w:])[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}(?![\w:])/g;
/** With what follows left alone: a port, the end of a sentence. Of an IPv6 address that ends as one it is a part. */
const IPV4 = /(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:\/\d{1,2})?(?![\w/]|\.\d)/g;
const IPV6 = /(?<!\w)[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?:\/\d{1,3})?(?!\w)/g;

/** Shorter names stand inside of too many words. */
const SHORTEST_PART = 4;

/** The name as a word, and also as a part of a longer name such as a pod's: "etcd-node-1" names its node. */
function found(name: string): string {
  const escaped = name.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  return name.length < SHORTEST_PART ? `(?<![\\w-])${escaped}(?![\\w-])` : `(?<!\\w)${escaped}(?!\\w)`;
}

/** Hosts that stand in a URL: what failed on the way there names them again, without one. */
export const hostsIn = (text: string): readonly string[] => [
  ...new Set([...text.matchAll(HOSTS)].map(([, , host]) => host!)),
];

export class Redactor {
  readonly #key: string;
  readonly #names: ReadonlyMap<string, string>;
  readonly #pattern: RegExp | undefined;

  /** `names`: what each is, by the name: "node", "zone". */
  constructor(key: string, names: ReadonlyMap<string, string>) {
    this.#key = key;
    this.#names = names;
    const longestFirst = [...names.keys()].filter((name) => name !== "").sort((a, b) => b.length - a.length);
    this.#pattern = longestFirst.length === 0 ? undefined : new RegExp(longestFirst.map(found).join("|"), "g");
  }

  text(words: string): string {
    const named = this.#pattern === undefined ? words : words.replaceAll(this.#pattern, (name) => this.#name(name));
    return named
      .replaceAll(
        /\b([Uu]ser )"([^"]+)"/g,
        (_, word: string, user: string) => `${word}"${this.#pseudonym("user", user)}"`,
      )
      .replaceAll(HOSTS, (_, before: string, host: string) => `${before}${this.#pseudonym("host", host)}`)
      .replaceAll(MAC, (mac) => this.#pseudonym("mac", mac.toLowerCase()))
      .replaceAll(IPV4, (token) => this.#address(token))
      .replaceAll(IPV6, (token) => this.#address(token));
  }

  report(report: Report): Report {
    const { headline, sections, data } = report;
    return {
      ...report,
      headline: this.text(headline),
      sections: sections.map((section) => ({
        title: this.text(section.title),
        blocks: section.blocks.map((block) => this.#block(block)),
      })),
      data: this.#data(data) as object,
    };
  }

  #block(block: Block): Block {
    switch (block.kind) {
      case "text":
        return { ...block, text: this.text(block.text) };
      case "items":
        return {
          ...block,
          items: block.items.map((item) => ({
            ...item,
            text: this.text(item.text),
            ...(item.details && { details: item.details.map((line) => this.text(line)) }),
          })),
        };
      case "table":
        return {
          ...block,
          heads: block.heads.map((head) => this.text(head)),
          rows: block.rows.map((row) =>
            row.map((cell, i) => (CLEAR_COLUMNS.includes(block.heads[i]!) ? this.text(cell) : this.#cell(cell))),
          ),
        };
    }
  }

  /** What is neither a number, an address nor a known name is a name that we do not know. */
  #cell(cell: string): string {
    const known = this.text(cell);
    if (known !== cell || /^[^\p{L}]*$/u.test(cell) || MEASURED.test(cell)) return known;
    return this.#pseudonym("name", cell);
  }

  #data(value: unknown): unknown {
    if (typeof value === "string") return this.text(value);
    if (Array.isArray(value)) return value.map((one) => this.#data(one));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [this.text(key), this.#data(one)]));
  }

  #name(name: string): string {
    return this.#pseudonym(this.#names.get(name) ?? "name", name);
  }

  #address(token: string): string {
    // A colon of the sentence.
    const [, before = "", address = "", bits, after = ""] =
      /^(:(?!:))?(.*?)(?:\/(\d{1,3}))?((?<!:):)?$/.exec(token) ?? [];
    // A moment of the day looks like one.
    const ip = parseIp(address);
    if (ip === undefined) return token;
    const name =
      bits === undefined
        ? this.#pseudonym("ip", ip.text)
        : `${this.#pseudonym("net", parseCidr(`${address}/${bits}`)?.text ?? token)}/${bits}`;
    return `${before}${name}${after}`;
  }

  #pseudonym(kind: string, name: string): string {
    return `${kind}-${createHmac("sha256", this.#key).update(`${kind} ${name}`).digest("hex").slice(0, 6)}`;
  }
}

/** Cells of the matrix. */
const MEASURED = /^(?:[<>]?\d+(?:\.\d+)?%)?\s*(?:<?\d+(?:\.\d+)? (?:µs|ms|s))?$|^(?:FAIL|refused|\?|·|yes|no|-)$/u;
