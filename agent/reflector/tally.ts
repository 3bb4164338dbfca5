// What came to the answering end, each packet under one result.
import { REFLECTOR_RESULTS, type ReflectorResult } from "../model/snapshot.ts";
import type { Fault } from "../wire/stamp.ts";

/** Why a packet got no answer. */
export type Unanswered = Exclude<ReflectorResult, "answered" | "duplicate">;

/** What came, since it was opened. */
export interface ReflectorCounts {
  /** Duplicates included. */
  readonly answered: number;
  /** Test packets whose number had come before. Answered, but not counted as received again. */
  readonly duplicates: number;
  /** Strangers' packets above the limit; not answered. */
  readonly limited: number;
  /** Answers the kernel would not send. */
  readonly unsent: number;
  /** Not ours, or damaged; not answered. `truncated`: larger than `maxPacketBytes`. */
  readonly faults: Readonly<Partial<Record<Fault | "truncated", number>>>;
}

/** The same, each packet under one result. */
export function packetsByResult(counts: ReflectorCounts): Record<ReflectorResult, number> {
  const { answered, duplicates, limited, unsent, faults } = counts;
  const none = Object.fromEntries(REFLECTOR_RESULTS.map((result) => [result, 0])) as Record<ReflectorResult, number>;
  return { ...none, ...faults, answered: Math.max(0, answered - duplicates), duplicate: duplicates, limited, unsent };
}

export class Tally {
  answered = 0;
  duplicates = 0;
  readonly #unanswered: Record<Unanswered, number> = {
    limited: 0,
    key: 0,
    checksum: 0,
    version: 0,
    short: 0,
    foreign: 0,
    truncated: 0,
    unsent: 0,
  };

  /** Returns true for the first of its kind. */
  unanswered(why: Unanswered): boolean {
    return this.#unanswered[why]++ === 0;
  }

  get counts(): ReflectorCounts {
    const { limited, unsent, ...faults } = this.#unanswered;
    const seen = Object.fromEntries(Object.entries(faults).filter(([, count]) => count > 0));
    return { answered: this.answered, duplicates: this.duplicates, limited, unsent, faults: seen };
  }
}
