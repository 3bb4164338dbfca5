// What a trace found, as the agent tells it and the command line shows it.
import type { IpFamily, Network } from "../../model/peer.ts";

export interface Delays {
  readonly minNs: number;
  readonly meanNs: number;
  readonly maxNs: number;
}

/** Somebody who answered, and for which of the source ports (their places in `sourcePorts`). */
export interface Answerer {
  readonly address: string;
  /** Where the address is a node's or an agent's. */
  readonly node?: string;
  readonly ports: readonly number[];
  readonly answered: number;
  readonly rtt?: Delays;
}

/** One router, or several where routers share traffic among paths. */
export interface Hop {
  /** 1 is the first router. */
  readonly hop: number;
  readonly sent: number;
  readonly answered: number;
  readonly routers: readonly Answerer[];
}

/** Who on the way, or at the end, said that a packet cannot go on. */
export interface Refusal {
  readonly kind: "blocked" | "unreachable";
  readonly by: string;
  readonly node?: string;
  readonly count: number;
}

/** What came to the target from one source port, and back. */
export interface PortEnd {
  readonly sent: number;
  readonly answered: number;
  /** By the target's kernel, since nothing listens there: it was reached. */
  readonly refused: number;
  /** How many hops there are, the target itself included. */
  readonly hops?: number;
  readonly rtt?: Delays;
}

export interface TraceReport {
  readonly from: string;
  readonly to: string;
  readonly network: Network;
  readonly family: IpFamily;
  readonly address: string;
  readonly targetPort: number;
  readonly sourcePorts: readonly number[];
  readonly hops: readonly Hop[];
  /** By source port. */
  readonly ends: readonly PortEnd[];
  readonly refusals: readonly Refusal[];
  /** Our own machine would not send: errno and how often. */
  readonly unsent: readonly { readonly errno: string; readonly count: number }[];
}

export function delaysOf(rtts: readonly (number | undefined)[]): Delays | undefined {
  const known = rtts.filter((ns) => ns !== undefined);
  if (known.length === 0) return undefined;
  const sum = known.reduce((total, ns) => total + ns, 0);
  const [minNs, meanNs, maxNs] = [Math.min(...known), sum / known.length, Math.max(...known)].map(Math.round);
  return { minNs: minNs!, meanNs: meanNs!, maxNs: maxNs! };
}
