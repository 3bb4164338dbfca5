// What each UDP source port of a slot has sent and lost in the last five minutes, minute by minute: with several equal
// paths the ports tell which of them is bad. 96 bytes a slot and port count of 8; other protocols have none.

/** With the defaults each port sends every 40 s: in five minutes seven or eight times. */
export const PORT_MINUTES = 5;
/** Ports that are told apart. */
export const MOST_PORTS = 8;

const MOST = 0xff;
const NUMBERS = 2;
const OF_MINUTE = MOST_PORTS * NUMBERS;

export interface PortCounts {
  readonly probes: readonly number[];
  readonly failures: readonly number[];
}

interface Ring {
  /** The last five finished minutes and the one that runs. */
  readonly counts: Uint8Array;
  minute: number;
}

export class SourcePorts {
  /** By slot index. */
  readonly #rings = new Map<number, Ring>();

  clear(index: number): void {
    this.#rings.delete(index);
  }

  add(index: number, minute: number, { port, failed }: { readonly port: number; readonly failed: boolean }): void {
    if (port >= MOST_PORTS) return;
    let ring = this.#rings.get(index);
    if (!ring) this.#rings.set(index, (ring = { counts: new Uint8Array((PORT_MINUTES + 1) * OF_MINUTE), minute }));
    for (let empty = Math.max(ring.minute + 1, minute - PORT_MINUTES); empty <= minute; empty++) {
      const from = atMinute(empty);
      ring.counts.fill(0, from, from + OF_MINUTE);
    }
    ring.minute = Math.max(ring.minute, minute);
    const at = atMinute(minute) + port * NUMBERS;
    ring.counts[at] = Math.min(MOST, ring.counts[at]! + 1);
    if (failed) ring.counts[at + 1] = Math.min(MOST, ring.counts[at + 1]! + 1);
  }

  /** Undefined where no port has sent anything. */
  sum(index: number, minute: number): PortCounts | undefined {
    const ring = this.#rings.get(index);
    if (!ring) return undefined;
    const probes = Array.from({ length: MOST_PORTS }, () => 0);
    const failures = [...probes];
    for (let past = Math.max(minute, ring.minute) - PORT_MINUTES; past <= ring.minute; past++) {
      for (let port = 0; port < MOST_PORTS; port++) {
        const at = atMinute(past) + port * NUMBERS;
        probes[port] = Math.min(MOST, probes[port]! + ring.counts[at]!);
        failures[port] = Math.min(MOST, failures[port]! + ring.counts[at + 1]!);
      }
    }
    return { probes, failures };
  }
}

const atMinute = (minute: number): number => (minute % (PORT_MINUTES + 1)) * OF_MINUTE;
