// What each option allows by itself but not together with another.
import { familyOf, ipRanges, parseIp } from "../base/ip.ts";
import { listed } from "../base/format.ts";
import { allowanceFault } from "../model/refused-ranges.ts";
import { PROTOCOLS } from "../probes/protocols.ts";
import type { Config } from "./schema.ts";

export interface Contradiction {
  /** The options it is about; the first is the one to name. */
  readonly options: readonly [string, ...string[]];
  readonly problem: string;
  readonly cure: string;
}

/** `isSet` tells what somebody asked for from what is only a default. */
export function contradictions(config: Config, isSet: (path: string) => boolean): Contradiction[] {
  return [
    ...timeouts(config),
    ...ports(config),
    ...sampling(config),
    ...lists(config),
    ...ranges(config),
    ...places(config),
    ...wholes(config, isSet),
  ];
}

function* timeouts(config: Config): Generator<Contradiction> {
  for (const protocol of [...PROTOCOLS, "dns", "servicePath"] as const) {
    const { timeoutMs, intervalMs } = config[protocol];
    if (timeoutMs < intervalMs) continue;
    yield {
      options: [`${protocol}.timeoutMs`, `${protocol}.intervalMs`],
      problem: `is ${timeoutMs}, not less than ${protocol}.intervalMs, which is ${intervalMs}: a second probe would start before the first has ended`,
      cure: `Set ${protocol}.timeoutMs to at most ${intervalMs - 1}, or raise ${protocol}.intervalMs.`,
    };
  }
}

function* ports(config: Config): Generator<Contradiction> {
  const names = ["metrics", "probe", "http"] as const;
  for (const [i, a] of names.entries()) {
    for (const b of names.slice(i + 1)) {
      if (config.ports[a] !== config.ports[b]) continue;
      yield {
        options: [`ports.${b}`, `ports.${a}`],
        problem: `is ${config.ports[b]}, the same as ports.${a}`,
        cure: "Give each its own port.",
      };
    }
  }
}

function* sampling({ peers }: Config): Generator<Contradiction> {
  if (peers.sampleSize < peers.fullMeshLimit) return;
  yield {
    options: ["peers.sampleSize", "peers.fullMeshLimit"],
    problem: `is ${peers.sampleSize}, not less than peers.fullMeshLimit, which is ${peers.fullMeshLimit}: above the limit a node would probe as many as below it`,
    cure: "Lower peers.sampleSize or raise peers.fullMeshLimit.",
  };
}

function* lists(config: Config): Generator<Contradiction> {
  const all: readonly (readonly [string, readonly string[]])[] = [
    ...PROTOCOLS.map((protocol) => [`${protocol}.networks`, config[protocol].networks] as const),
    ["families", config.families === "primary" ? [] : config.families],
    ["dns.names", config.dns.names],
    ["dns.servers", config.dns.servers.map(({ label, address }) => `${label} ${oneSpelling(address)}`)],
    ["servicePath.hosts", config.servicePath.hosts.map(oneSpelling)],
    ["listen", config.listen.map(oneSpelling)],
    ["node.podAddresses", config.node.podAddresses.map(oneSpelling)],
    ["node.nodeAddresses", config.node.nodeAddresses.map(oneSpelling)],
    ["peers.allowRanges", config.peers.allowRanges],
  ];
  for (const [path, values] of all) {
    const twice = values.find((value, i) => values.indexOf(value) !== i);
    if (twice !== undefined) yield { options: [path], problem: `names "${twice}" twice`, cure: "Name it once." };
  }
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

function* wholes(config: Config, isSet: (path: string) => boolean): Generator<Contradiction> {
  const { dns, engine, pathMtu, servicePath } = config;
  if (PROTOCOLS.every((protocol) => config[protocol].networks.length === 0)) {
    const [first, ...others] = PROTOCOLS.map((protocol) => `${protocol}.networks` as const);
    yield {
      options: [first!, ...others],
      problem: `is empty like ${listed(others)}: no peer would be measured`,
      cure: "Name a network for at least one protocol.",
    };
  }
  if (dns.enabled && dns.names.length === 0) {
    yield {
      options: ["dns.names", "dns.enabled"],
      problem: "is empty although dns.enabled is true",
      cure: "Name at least one name, or set dns.enabled to false.",
    };
  }
  if (servicePath.apiServer && !servicePath.enabled) {
    yield {
      options: ["servicePath.apiServer", "servicePath.enabled"],
      problem: "is true although servicePath.enabled is false",
      cure: "Set servicePath.enabled to true, or servicePath.apiServer to false.",
    };
  }
  // By default path MTU is simply not there with this engine; only who asked for it must be told.
  if (engine === "userspace" && pathMtu.enabled && isSet("pathMtu.enabled")) {
    yield {
      options: ["pathMtu.enabled", "engine"],
      problem: "is true, but the userspace engine cannot forbid fragmentation",
      cure: 'Set engine to "kernel", or leave pathMtu.enabled out.',
    };
  }
}
