// When a queue of a socket is dry: the one rule, for every queue that this agent reads.
import type { PacketBatch } from "./kernel.ts";

/** More than any receive buffer holds: only a flood goes on for longer, and it must not hold the event loop. */
export const MAX_BATCHES_A_DRAIN = 1_024;

/**
 * Reads batch after batch until a read brings nothing, and hands over each packet. Not until one brings less than a
 * batch: an ICMP error cuts a reading short, with more behind it. Returns how many packets came.
 */
export function drainQueue(
  batch: PacketBatch,
  read: (batch: PacketBatch) => number,
  take: (batch: PacketBatch, i: number) => void,
  maxBatches = MAX_BATCHES_A_DRAIN,
): number {
  let came = 0;
  for (let batches = 0; batches < maxBatches; batches++) {
    const count = read(batch);
    if (count === 0) break;
    for (let i = 0; i < count; i++) take(batch, i);
    came += count;
  }
  return came;
}
