// Queues in front of interfaces (linux/rtnetlink.h, pkt_sched.h, gen_stats.h). Pure.
import { Attributes, viewOf } from "./attributes.ts";

export const RTM_GETQDISC = 38;

const TCA_STATS2 = 7;
const TCA_STATS_QUEUE = 3;
const TC_H_ROOT = 0xffff_ffff;

export interface RawQueue {
  readonly deviceIndex: number;
  /** Packets that it had no room for, or threw away to keep the delay short. */
  readonly dropped: number;
}

export const queueRequest = (): Uint8Array => new Uint8Array(20);

/**
 * A message of RTM_GETQDISC: struct tcmsg {family, –, –, index, handle, parent, info}. Undefined for queues inside of
 * others: the outermost counts what they drop. What the kernel has without anybody's asking (noqueue) it does not tell.
 */
export function decodeQueue(body: Uint8Array): RawQueue | undefined {
  if (body.byteLength < 20) return undefined;
  const view = viewOf(body);
  if (view.getUint32(12, true) !== TC_H_ROOT) return undefined;
  // struct gnet_stats_queue {u32 length, backlog, drops, requeues, overlimits}
  const stats = new Attributes(body.subarray(20)).nested(TCA_STATS2)?.bytes(TCA_STATS_QUEUE);
  if (stats === undefined || stats.byteLength < 12) return undefined;
  return { deviceIndex: view.getInt32(4, true), dropped: viewOf(stats).getUint32(8, true) };
}
