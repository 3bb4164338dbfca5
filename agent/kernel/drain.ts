// When a queue of a socket is dry: the one rule, for every queue that this agent reads.
import type { PacketBatch } from "./kernel.ts";

/** More than any receive buffer holds: only a flood goes on for longer, and it must not hold the event loop. */
export const MAX_BATCHES_A_DRAIN = 1_024;

export interface Draining {
  readonly maxBatches?: number;
  /** Asked after a read that brought less than a batch: it may have been cut short, and what is behind matters. */
  readonly goesOn?: () => boolean;
}

/**
 * Reads batch after batch until a read brings nothing, and hands over each packet. Not until one brings less than a
 * batch, where that matters: an ICMP error cuts a reading short, with more behind it. (Not one of the error queue:
 * `do_recvmmsg` looks at pending errors only without MSG_ERRQUEUE.) Returns how many packets came.
 */
export function drainQueue(
  batch: PacketBatch,
  read: (batch: PacketBatch) => number,
  take: (batch: PacketBatch, i: number) => void,
  { maxBatches = MAX_BATCHES_A_DRAIN, goesOn = () => true }: Draining = {},
): number {
  let came = 0;
  for (let batches = 0; batches < maxBatches; batches++) {
    const count = read(batch);
    if (count === 0) break;
    for (let i = 0; i < count; i++) take(batch, i);
    came += count;
    if (count < batch.capacity && !goesOn()) break;
  }
  return came;
}
