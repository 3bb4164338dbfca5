// connect: a TCP handshake with any port of a node, closed at once. What `nc -zv` is for, with what it cannot tell apart.
import * as z from "zod";
import { nodeName } from "../../config/schema.ts";
import { NETWORKS, type IpFamily, type Network } from "../../model/peer.ts";
import type { Slot } from "../../model/slot.ts";
import { action, ActionError } from "../action.ts";
import { OnDemandProbes, slotsOf } from "../probing.ts";
import type { SlotEvent } from "../tally.ts";

export const connectRequest = z.strictObject({
  target: nodeName,
  port: z.int().min(1).max(65_535),
  networks: z
    .array(z.enum(NETWORKS))
    .min(1)
    .default([...NETWORKS]),
  timeoutMs: z.int().min(100).max(10_000).default(3_000),
});
export type ConnectRequest = z.infer<typeof connectRequest>;

/** What became of one handshake. `silent`: nothing came back at all. `local`: this node itself could not send. */
export type Handshake = {
  readonly network: Network;
  readonly family: IpFamily;
  readonly address: string;
  /** SYNs that had to be sent again. */
  readonly retransmits: number;
} & (
  | { readonly came: "open"; readonly rttNs: number | undefined }
  | { readonly came: "refused" | "blocked" | "silent" | "unreachable" }
  | { readonly came: "local"; readonly errno: string }
);

export interface ConnectResult {
  readonly target: string;
  readonly port: number;
  readonly handshakes: readonly Handshake[];
}

export const connect = action<ConnectRequest, { readonly handshake: Handshake }, ConnectResult>({
  does: "shakes hands with a port of another node",
  request: connectRequest,
  caps: { atOnce: 8, inMesh: 64, seconds: 15 },
  targets: ({ target }) => [target],
  async *run({ target, port, networks, timeoutMs }, context) {
    const plan = { timeoutMs, networks, protocols: ["tcp"], tcpPort: port } as const;
    const slots = slotsOf(context, [context.peer(target)], plan);
    if (slots.length === 0)
      throw new ActionError(
        `no address of ${target} is known on the ${networks.join(" or ")} network: see /api/v1/peers`,
      );
    using probes = await OnDemandProbes.open(context, slots, plan);
    for (const { reason } of probes.unavailable) throw new ActionError(reason);
    const handshakes: Handshake[] = [];
    for await (const events of probes.run({ count: 1, intervalMs: 100 }, context.signal)) {
      for (const event of events) {
        const handshake = handshakeOf(event, probes.slots[event.slot]!);
        if (handshake === undefined) continue;
        handshakes.push(handshake);
        yield { handshake };
      }
    }
    return { target, port, handshakes };
  },
});

function handshakeOf(event: SlotEvent, { network, family, address }: Slot): Handshake | undefined {
  const where = { network, family, address };
  switch (event.came) {
    case "local":
      return { ...where, retransmits: 0, came: "local", errno: event.errno };
    case "answered":
      return { ...where, retransmits: event.retransmits ?? 0, came: "open", rttNs: event.rttNs };
    case "refused":
    case "blocked":
    case "unreachable":
      return { ...where, retransmits: event.retransmits ?? 0, came: event.came };
    case "timeout":
      return { ...where, retransmits: event.retransmits ?? 0, came: "silent" };
    case "delay":
    case "lost":
      return undefined;
  }
}
