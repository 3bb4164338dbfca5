// What each option allows by itself but not together with another.
import { familyOf, ipRanges, parseIp } from "../base/ip.ts";
import { listed } from "../base/format.ts";
import { allowanceFault } from "../model/refused-ranges.ts";
import { RULES, type OptionPath, type Rule } from "./rule-table.ts";
import type { Config } from "./schema.ts";

export interface Contradiction {
  /** The options it is about; the first is the one to name. */
  readonly options: readonly [string, ...string[]];
  readonly problem: string;
  readonly cure: string;
}

/** `isSet` tells what somebody asked for from what is only a default. */
export function contradictions(config: Config, isSet: (path: string) => boolean): Contradiction[] {
  return [...RULES.flatMap((rule) => [...broken(rule, config, isSet)]), ...ranges(config), ...places(config)];
}

function* broken(rule: Rule, config: Config, isSet: (path: string) => boolean): Generator<Contradiction> {
  const at = (path: OptionPath): unknown => valueAt(config, path);
  switch (rule.kind) {
    case "less": {
      const { low, high, because } = rule;
      const [lower, limit] = [Number(at(low)), Number(at(high))];
      if (lower < limit) return;
      yield {
        options: [low, high],
        problem: `is ${lower}, not less than ${high}, which is ${limit}: ${because}`,
        cure: `Set ${low} to at most ${limit - 1}, or raise ${high}.`,
      };
      return;
    }
    case "different":
      for (const [i, a] of rule.options.entries()) {
        for (const b of rule.options.slice(i + 1)) {
          if (at(a) !== at(b)) continue;
          yield { options: [b, a], problem: `is ${String(at(b))}, the same as ${a}`, cure: plain(rule.cure) };
        }
      }
      return;
    case "unique": {
      const values = inOneSpelling(at(rule.option));
      const twice = values.find((value, i) => values.indexOf(value) !== i);
      if (twice !== undefined)
        yield { options: [rule.option], problem: `names "${twice}" twice`, cure: "Name it once." };
      return;
    }
    case "some": {
      const [first, ...others] = rule.options as [OptionPath, ...OptionPath[]];
      if (rule.options.some((option) => !isEmpty(at(option)))) return;
      const problem = `is empty like ${listed(others, others.length)}: ${rule.because}`;
      yield { options: [first, ...others], problem, cure: plain(rule.cure) };
      return;
    }
    case "needs": {
      const { option, needs, blames, cure } = rule;
      if (isEmpty(at(option)) || !isEmpty(at(needs))) return;
      const [blamed, other] = blames === "option" ? [option, needs] : [needs, option];
      const problem = `is ${inWords(at(blamed))} although ${other} is ${inWords(at(other))}`;
      yield { options: [blamed, other], problem, cure: plain(cure) };
      return;
    }
    case "excluded": {
      const { option, where, is, because, cure } = rule;
      if (at(where) !== is || isEmpty(at(option)) || !isSet(option)) return;
      yield { options: [option, where], problem: `is ${inWords(at(option))}, but ${because}`, cure: plain(cure) };
    }
  }
}

function valueAt(config: Config, path: OptionPath): unknown {
  let value: unknown = config;
  for (const key of path.split(".")) value = (value as Readonly<Record<string, unknown>>)[key];
  return value;
}

const isEmpty = (value: unknown): boolean =>
  value === false || value === undefined || (Array.isArray(value) && value.length === 0);
const inWords = (value: unknown): string =>
  value === undefined ? "not set" : Array.isArray(value) ? "empty" : JSON.stringify(value);
/** The options that a text names, as the agent's own messages have them. */
const plain = (text: string): string => text.replaceAll(/[{}]/g, "");

/** What a list names, so that one address in two spellings is one. */
function inOneSpelling(list: unknown): readonly string[] {
  if (!Array.isArray(list)) return [];
  return (list as readonly (string | Readonly<Record<string, string>>)[]).map((entry) =>
    (typeof entry === "string" ? [entry] : Object.values(entry)).map(oneSpelling).join(" "),
  );
}

const oneSpelling = (address: string): string => parseIp(address)?.text ?? address;

function* ranges({ peers }: Config): Generator<Contradiction> {
  for (const entry of peers.allowRanges) {
    const fault = allowanceFault(entry);
    if (fault) yield { options: ["peers.allowRanges"], ...fault };
  }
}

/** Addresses that no machine has as its own, so that nothing can listen or answer there. */
const isNoPlace = ipRanges([
  "0.0.0.0/8",
  "224.0.0.0/4",
  "255.255.255.255",
  "::ffff:0:0/96",
  "fe80::/10", // needs the name of an interface
  "ff00::/8",
]);
const ALL_ADDRESSES: Readonly<Record<string, string>> = { "0.0.0.0": "IPv4", "::": "IPv6" };

function* places({ listen, dns, servicePath }: Config): Generator<Contradiction> {
  const named = [
    ...listen.map((address) => ({ option: "listen", address: oneSpelling(address) })),
    ...dns.servers.map(({ address }) => ({ option: "dns.servers", address: oneSpelling(address) })),
    ...servicePath.hosts.map((host) => ({ option: "servicePath.hosts", address: oneSpelling(host) })),
  ];
  for (const { option, address } of named) {
    if (!isNoPlace(address) || address in ALL_ADDRESSES) continue;
    yield {
      options: [option],
      problem: `names ${address}, which is no machine's own address: a group, a broadcast, or one of another form`,
      cure: "Name an address of a machine, IPv4 as it is written usually and IPv6 not of fe80::/10.",
    };
  }
  for (const [all, family] of Object.entries(ALL_ADDRESSES)) {
    const same = listen.map(oneSpelling).filter((address) => familyOf(address) === familyOf(all));
    const other = same.find((address) => address !== all);
    if (other === undefined || !same.includes(all)) continue;
    yield {
      options: ["listen"],
      problem: `names ${all}, which is every ${family} address, and ${other} besides`,
      cure: "Remove one of the two.",
    };
  }
}
