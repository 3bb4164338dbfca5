// Tells the log who is not probed and why: once when it has lasted, and once when it is over; not a line for each peer.
import type { Clock } from "../base/clock.ts";
import type { Network } from "../model/peer.ts";
import { isUnprobedFault, type UnprobedReason } from "../model/unprobed.ts";
import type { Member } from "./membership.ts";

export interface UnprobedLogOptions {
  readonly clock: Pick<Clock, "monotonicNs">;
  readonly log: {
    warn(details: object, message: string): void;
    info(details: object, message: string): void;
  };
}

/** A peer that joins is often not to be asked in its first seconds. */
const LASTING_NS = 30e9;
const NAMED_PEERS = 20;

interface Fault {
  readonly peer: string;
  readonly reason: UnprobedReason;
  readonly network: Network | undefined;
  readonly text: string;
}

export class UnprobedLog {
  readonly #options: UnprobedLogOptions;
  readonly #since = new Map<string, { readonly fault: Fault; readonly sinceNs: number; isTold: boolean }>();

  constructor(options: UnprobedLogOptions) {
    this.#options = options;
  }

  /** After something changed, or some time. */
  update(members: readonly Member[], unusable: readonly string[]): void {
    const nowNs = this.#options.clock.monotonicNs();
    const current = new Map(faultsOf(members, unusable).map((fault) => [keyOf(fault), fault]));
    const over: Fault[] = [];
    for (const [key, { fault, isTold }] of this.#since) {
      if (current.has(key)) continue;
      this.#since.delete(key);
      if (isTold) over.push(fault);
    }
    const lasting: Fault[] = [];
    for (const [key, fault] of current) {
      const seen = this.#since.get(key);
      if (!seen) this.#since.set(key, { fault, sinceNs: nowNs, isTold: false });
      else if (!seen.isTold && nowNs - seen.sinceNs >= LASTING_NS) {
        seen.isTold = true;
        lasting.push(fault);
      }
    }
    const { log } = this.#options;
    for (const group of alike(lasting)) log.warn(detailsOf(group), messageOf(group));
    for (const group of alike(over)) log.info(detailsOf(group), `over: ${messageOf(group)}`);
  }
}

function faultsOf(members: readonly Member[], unusable: readonly string[]): Fault[] {
  const ofPeers = members.flatMap(({ node, unprobed }) =>
    unprobed.filter(isUnprobedFault).map(({ reason, network, text }) => ({ peer: node.name, reason, network, text })),
  );
  return [
    ...ofPeers,
    ...unusable.map((text) => ({ peer: text, reason: "endpoint" as const, network: undefined, text })),
  ];
}

const keyOf = ({ peer, reason, network }: Fault): string => `${reason} ${network ?? ""} ${peer}`;

const alike = (faults: readonly Fault[]): Fault[][] => [
  ...Map.groupBy(faults, ({ reason, network }) => `${reason} ${network ?? ""}`).values(),
];

const detailsOf = (group: readonly Fault[]): object => ({
  reason: group[0]!.reason,
  ...(group[0]!.network === undefined ? {} : { network: group[0]!.network }),
  count: group.length,
  peers: group.slice(0, NAMED_PEERS).map(({ peer }) => peer),
});

function messageOf(group: readonly Fault[]): string {
  const [{ reason, network, peer, text }] = group as [Fault];
  const more = group.length > 1 ? `, and ${group.length - 1} more like this` : "";
  if (reason === "endpoint") return `an endpoint is no peer: ${text}${more}`;
  const where = network === undefined ? "is not probed" : `is not probed on the ${network} network`;
  return `${peer} ${where}: ${text}${more}. /api/v1/peers has all of them`;
}
