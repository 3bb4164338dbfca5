// ping: every protocol on every network at once, again and again, with each outcome told as it becomes known.
import * as z from "zod";
import { nodeName } from "../../config/schema.ts";
import { LIMITS } from "../../config/limits.ts";
import { IP_FAMILIES, NETWORKS, type IpFamily, type Network, type Protocol } from "../../model/peer.ts";
import type { WindowSummary } from "../../model/window.ts";
import { PROTOCOLS } from "../../probes/protocols.ts";
import { action, ActionError } from "../action.ts";
import { OnDemandProbes, slotsOf } from "../probing.ts";
import { SlotTally, type SlotEvent } from "../tally.ts";

export const pingRequest = z.strictObject({
  target: nodeName,
  /** Probes of each slot; without it until the asker hangs up. */
  count: z.int().min(1).max(10_000).optional(),
  intervalMs: z.int().min(LIMITS.minIntervalMs).max(60_000).default(1_000),
  timeoutMs: z.int().min(100).max(4_000).default(2_000),
  networks: z.array(z.enum(NETWORKS)).min(1).optional(),
  protocols: z.array(z.enum(PROTOCOLS)).min(1).optional(),
  families: z.array(z.enum(IP_FAMILIES)).min(1).optional(),
});
export type PingRequest = z.infer<typeof pingRequest>;

export interface PingedSlot {
  readonly network: Network;
  readonly protocol: Protocol;
  readonly family: IpFamily;
  readonly address: string;
}

export type PingProgress =
  /** First: what is probed, and what cannot be. */
  | {
      readonly slots: readonly PingedSlot[];
      readonly unavailable: readonly { readonly protocol: Protocol; readonly reason: string }[];
    }
  | { readonly events: readonly SlotEvent[] };

export interface PingResult {
  readonly target: string;
  readonly slots: readonly (PingedSlot & {
    readonly window: WindowSummary;
    readonly localErrors: Readonly<Record<string, number>>;
  })[];
}

export const ping = action<PingRequest, PingProgress, PingResult>({
  does: "probes another node by every protocol",
  request: pingRequest,
  caps: { atOnce: 4, inMesh: 32, seconds: 900 },
  targets: ({ target }) => [target],
  async *run({ target, count, intervalMs, ...plan }, context) {
    const wanted = slotsOf(context, [context.peer(target)], plan);
    if (wanted.length === 0)
      throw new ActionError(
        `${target} is probed on none of these networks by none of these protocols: leave out a filter, or see why in /api/v1/peers`,
      );
    using probes = await OnDemandProbes.open(context, wanted, plan);
    const { unavailable } = probes;
    if (probes.slots.length === 0) throw new ActionError(unavailable.map(({ reason }) => reason).join("; "));
    const slots = probes.slots.map(({ network, protocol, family, address }) => ({
      network,
      protocol,
      family,
      address,
    }));
    yield { slots, unavailable };
    const tallies = slots.map(() => new SlotTally());
    for await (const events of probes.run({ count, intervalMs }, context.signal)) {
      for (const event of events) tallies[event.slot]!.take(event);
      yield { events };
    }
    return {
      target,
      slots: slots.map((slot, i) => ({ ...slot, window: tallies[i]!.window, localErrors: tallies[i]!.local })),
    };
  },
});
