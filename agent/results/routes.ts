// How far the packets of a slot travel, by TTL, there and back, and what changed last: a change of the number of hops is
// often the only sign of a changed route. Each UDP source port may have a route of its own (equal paths of unequal
// length), so a port is compared with itself only, and a change is one when two packets in a row tell it.
// What is soon as it was before is no change any more. 40 bytes a slot.
import type { Hops, RouteSeen } from "../model/snapshot.ts";
import { grown } from "./grown.ts";
import { MOST_PORTS } from "./source-ports.ts";

/** How long the last change is told. */
const TOLD_SECONDS = 600;
/** What systems begin with: Linux and macOS 64, Windows 128, routers 255. */
const FIRST_TTLS = [64, 128, 255] as const;

/** Hops as traceroute counts them, 1 for a neighbour, by the TTL that was left. */
export function hopsOf(ttl: number): number {
  return FIRST_TTLS.find((first) => ttl <= first)! - ttl + 1;
}

export class Routes {
  readonly #back: Ways;
  readonly #there: Ways;
  /** By slot index: the source address that the far end saw. */
  readonly #seenAs: (string | undefined)[] = [];

  constructor(rows: number) {
    this.#back = new Ways(rows);
    this.#there = new Ways(rows);
  }

  grow(rows: number): void {
    this.#back.grow(rows);
    this.#there.grow(rows);
  }

  clear(row: number): void {
    this.#back.clear(row);
    this.#there.clear(row);
    this.#seenAs[row] = undefined;
  }

  travelledBack(row: number, second: number, { ttl, port }: { readonly ttl: number; readonly port: number }): void {
    this.#back.note(row, second, { ttl, port });
  }

  /** `ttl`: undefined where the far end could not read it. */
  travelledThere(
    row: number,
    second: number,
    {
      ttl,
      port,
      seenAs,
    }: { readonly ttl: number | undefined; readonly port: number; readonly seenAs: string | undefined },
  ): void {
    if (ttl !== undefined) this.#there.note(row, second, { ttl, port });
    this.#seenAs[row] = seenAs;
  }

  /** `momentOf` writes a second of the monotonic clock as RFC 3339. */
  seen(row: number, second: number, momentOf: (second: number) => string): RouteSeen {
    const hops = this.#back.told(row, second, momentOf);
    const hopsThere = this.#there.told(row, second, momentOf);
    const seenAs = this.#seenAs[row];
    return { ...(hops && { hops }), ...(hopsThere && { hopsThere }), ...(seenAs !== undefined && { seenAs }) };
  }
}

/** One direction. 0 hops: unknown. */
class Ways {
  #ofPort: Uint8Array;
  #now: Uint8Array;
  #before: Uint8Array;
  #pending: Uint8Array;
  #changed: Float64Array;
  /** 1 where the last change took back the one before it. */
  #isBack: Uint8Array;

  constructor(rows: number) {
    this.#ofPort = new Uint8Array(rows * MOST_PORTS);
    this.#now = new Uint8Array(rows);
    this.#before = new Uint8Array(rows);
    this.#pending = new Uint8Array(rows);
    this.#changed = new Float64Array(rows);
    this.#isBack = new Uint8Array(rows);
  }

  grow(rows: number): void {
    this.#ofPort = grown(this.#ofPort, new Uint8Array(rows * MOST_PORTS));
    this.#now = grown(this.#now, new Uint8Array(rows));
    this.#before = grown(this.#before, new Uint8Array(rows));
    this.#pending = grown(this.#pending, new Uint8Array(rows));
    this.#changed = grown(this.#changed, new Float64Array(rows));
    this.#isBack = grown(this.#isBack, new Uint8Array(rows));
  }

  clear(row: number): void {
    this.#ofPort.fill(0, row * MOST_PORTS, (row + 1) * MOST_PORTS);
    this.#now[row] = 0;
    this.#before[row] = 0;
    this.#pending[row] = 0;
    this.#isBack[row] = 0;
  }

  note(row: number, second: number, { ttl, port }: { readonly ttl: number; readonly port: number }): void {
    if (ttl < 0 || ttl > 255 || port >= MOST_PORTS) return;
    const hops = hopsOf(ttl);
    const at = row * MOST_PORTS + port;
    const known = this.#ofPort[at]!;
    if (known === hops) {
      if (this.#pending[row] !== hops) this.#pending[row] = 0;
      return;
    }
    const isTold = known === this.#before[row] && hops === this.#now[row];
    if (known === 0 || isTold) {
      this.#ofPort[at] = hops;
      if (this.#now[row] === 0) this.#now[row] = hops;
      return;
    }
    if (this.#pending[row] !== hops) {
      this.#pending[row] = hops;
      return;
    }
    this.#ofPort[at] = hops;
    this.#pending[row] = 0;
    const isLastUndone = known === this.#now[row] && hops === this.#before[row];
    const isRecent = second - this.#changed[row]! <= TOLD_SECONDS;
    this.#isBack[row] = isLastUndone && isRecent && this.#isBack[row] === 0 ? 1 : 0;
    this.#before[row] = known;
    this.#now[row] = hops;
    this.#changed[row] = second;
  }

  told(row: number, second: number, momentOf: (second: number) => string): Hops | undefined {
    const now = this.#now[row]!;
    if (now === 0) return undefined;
    const before = this.#before[row]!;
    if (before === 0 || this.#isBack[row] === 1 || second - this.#changed[row]! > TOLD_SECONDS) return { now };
    return { now, before, changedAt: momentOf(this.#changed[row]!) };
  }
}
