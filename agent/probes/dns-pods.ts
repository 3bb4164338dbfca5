// The pods behind cluster DNS, by a name that lists them all (a headless Service): which of them this node asks. While
// DNS does not answer, the last known stay; only what it says for certain is forgotten.
import { Resolver } from "node:dns/promises";
import type { Clock } from "../base/clock.ts";
import { readTextSync } from "../base/files.ts";
import { findAddresses, type LookUp } from "./service-addresses.ts";

export interface DnsPodsOptions {
  readonly clock: Pick<Clock, "monotonicNs">;
  readonly host: string;
  /** Where DNS does not tell another. */
  readonly port: number;
  /** In [0, 1), of a name: the pods that rank first by it are asked, so that all nodes together ask all pods. */
  readonly rank: (address: string) => number;
  readonly changed: (pods: readonly DnsPod[]) => void;
  /** Why none is known, or why older ones stay, in words; undefined when all is well. */
  readonly looked: (trouble: string | undefined) => void;
  readonly lookUp?: LookUp;
  readonly lookUpPort?: (host: string) => Promise<number | undefined>;
}

export interface DnsPod {
  readonly address: string;
  readonly port: number;
}

/** A thousand nodes that each ask a hundred pods would be a load of its own. */
export const MOST_PODS = 8;
const EVERY_MS = 30_000;
/** As long as cluster DNS lets its answers be kept. */
const AT_MOST_EVERY_MS = 5_000;
const NS_PER_MS = 1e6;

export class DnsPods {
  readonly #options: DnsPodsOptions;
  #known: readonly DnsPod[] = [];
  #port: number;
  #trouble: string | undefined;
  #lookedAtNs = -Infinity;
  #isWanted = true;
  #isLookingUp = false;

  constructor(options: DnsPodsOptions) {
    this.#options = options;
    this.#port = options.port;
  }

  tick(): void {
    const ageMs = (this.#options.clock.monotonicNs() - this.#lookedAtNs) / NS_PER_MS;
    const isDue = ageMs >= EVERY_MS || (this.#isWanted && ageMs >= AT_MOST_EVERY_MS);
    if (isDue && !this.#isLookingUp) void this.#lookUp();
  }

  /** One of them has failed: it may be gone. */
  doubted(): void {
    this.#isWanted = true;
  }

  async #lookUp(): Promise<void> {
    const { clock, host, rank, changed, looked, lookUp, lookUpPort = portByDns } = this.#options;
    this.#isLookingUp = true;
    this.#lookedAtNs = clock.monotonicNs();
    this.#isWanted = false;
    const [{ usable, isCertain, trouble }, port] = await Promise.all([findAddresses([host], lookUp), lookUpPort(host)]);
    this.#port = port ?? this.#port;
    this.#isLookingUp = false;
    if (isCertain) {
      const first = [...new Set(usable)].toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1)).slice(0, MOST_PODS);
      const wanted = first.map((address) => ({ address, port: this.#port }));
      const isSame = wanted.length === this.#known.length && wanted.every((pod) => this.#known.some(isPod(pod)));
      this.#known = wanted;
      if (!isSame) changed(wanted);
    }
    this.#isWanted ||= trouble !== undefined;
    if (trouble !== this.#trouble) looked(trouble);
    this.#trouble = trouble;
  }
}

export const isPod =
  (one: DnsPod) =>
  ({ address, port }: DnsPod): boolean =>
    address === one.address && port === one.port;

/** Name of the port in the chart's Service. */
const PORT_NAME = "_dns._udp";
const SRV_TIMEOUT_MS = 2_000;

/** Pods may listen elsewhere than their Service (5353 where they may not bind 53); only an SRV record tells. */
async function portByDns(host: string): Promise<number | undefined> {
  try {
    const resolver = new Resolver({ timeout: SRV_TIMEOUT_MS, tries: 1 });
    const records = await resolver.resolveSrv(srvName(host, readTextSync("/etc/resolv.conf")));
    return records[0]?.port;
  } catch {
    return undefined;
  }
}

/** SRV records are not looked up by the search list: the cluster's domain is taken from there. */
export function srvName(host: string, resolvConf: string): string {
  const domain = /^search[ \t](?:.*[ \t])?svc\.(\S+)/m.exec(resolvConf)?.[1];
  return `${PORT_NAME}.${host.endsWith(".svc") && domain !== undefined ? `${host}.${domain}` : host}`;
}
