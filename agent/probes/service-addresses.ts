// Where a Service is: its addresses, by the name that the cluster's DNS has for it. Only what DNS says for certain is
// forgotten: while it does not answer the last known addresses stay, so that DNS which fails is not taken for a service
// path that fails.
import { lookup } from "node:dns/promises";
import { firstOfEachFamily, parseIp } from "../base/ip.ts";
import type { Addresses } from "../model/peer.ts";
import { REFUSED_RANGES } from "../model/refused-ranges.ts";

/** What getaddrinfo(3) is asked for: it knows the search list and /etc/hosts, as the programs of a pod do. */
export type LookUp = (host: string) => Promise<readonly string[]>;

export interface ServiceAddresses {
  /** At most one a family. */
  readonly addresses: Addresses;
  /** Why there is none, or why an older one stays, in words; undefined when all is well. */
  readonly trouble: string | undefined;
}

export const NOT_LOOKED_UP: ServiceAddresses = { addresses: {}, trouble: "its name has not been looked up yet" };

/** EAI_NONAME: DNS has answered, and there is no such name, or it has no address. */
const NO_SUCH_NAME = "ENOTFOUND";

const systemLookUp: LookUp = async (host) =>
  (await lookup(host, { all: true, order: "verbatim" })).map(({ address }) => address);

export interface FoundAddresses {
  /** All that may be probed, in the order in which they were given. */
  readonly usable: readonly string[];
  /** DNS has answered for every name, if only that there is none. */
  readonly isCertain: boolean;
  readonly trouble: string | undefined;
}

/** Never rejects. Addresses need no DNS. */
export async function findAddresses(hosts: readonly string[], lookUp: LookUp = systemLookUp): Promise<FoundAddresses> {
  const found: string[] = [];
  const troubles: string[] = [];
  let isCertain = true;
  for (const host of hosts) {
    try {
      found.push(...(parseIp(host) === undefined ? await lookUp(host) : [host]));
    } catch (err) {
      const { code, message } = err as NodeJS.ErrnoException;
      isCertain &&= code === NO_SUCH_NAME;
      troubles.push(code === NO_SUCH_NAME ? `DNS knows no ${host}` : `${host} cannot be looked up: ${message}`);
    }
  }
  const usable = found.filter((address) => {
    const refusal = REFUSED_RANGES.find(({ holds }) => holds(address));
    if (refusal) troubles.push(`${address} is ${refusal.why} and is never probed`);
    return refusal === undefined;
  });
  return { usable, isCertain, trouble: troubles.length > 0 ? troubles.join("; ") : undefined };
}

/** Never rejects. */
export async function findService(
  hosts: readonly string[],
  known: ServiceAddresses,
  lookUp?: LookUp,
): Promise<ServiceAddresses> {
  const { usable, isCertain, trouble } = await findAddresses(hosts, lookUp);
  const addresses = firstOfEachFamily(usable);
  return isCertain ? { addresses, trouble } : { addresses: { ...known.addresses, ...addresses }, trouble };
}
