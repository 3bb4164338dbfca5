// Which way the lost probes of a UDP slot died: told by the peer's next replies, and where none come, by its row.
import type { PairWindow, Row } from "../model/snapshot.ts";
import type { Slot } from "../model/slot.ts";
import { parseArrivals } from "../wire/arrivals.ts";
import type { Evidence } from "./loss-direction.ts";
import type { MonotonicNs, OutcomeSink } from "./prober.ts";
import type { UdpSlot } from "./udp-session.ts";

/** What of a peer's row tells the direction. */
export type PeerRow = Pick<Row, "incarnation" | "udpReceived"> & {
  readonly pairs: readonly Pick<PairWindow, "destination" | "network" | "family">[];
  readonly health: Pick<Row["health"], "socketDrops">;
};

/** Without a reply for this long, the peer's own row decides. */
const ASK_PEER_AFTER_NS = 60e9;
/** And when that has not come either: `unknown`. */
const GIVE_UP_AFTER_NS = 150e9;

export class UdpLosses {
  readonly #sink: Pick<OutcomeSink, "lost">;
  readonly #incarnation: string;
  /** News of what arrived at a peer, kept until all that has come is read: a late reply goes before a verdict. */
  #news: { readonly state: UdpSlot; readonly evidence: Evidence }[] = [];

  constructor(sink: Pick<OutcomeSink, "lost">, incarnation: string) {
    this.#sink = sink;
    this.#incarnation = incarnation.toLowerCase();
  }

  heard(state: UdpSlot, evidence: Evidence): void {
    this.#news.push({ state, evidence });
  }

  /** A reply has told what may decide a loss: first everything must be read that may still take the probe out of it. */
  get pending(): boolean {
    return this.#news.some(({ state }) => state.directions.undecided > 0);
  }

  /** Everything that came has been read. */
  decide(): void {
    const news = this.#news;
    this.#news = [];
    for (const { state, evidence } of news) this.#decide(state, evidence);
  }

  giveUp(slots: Iterable<UdpSlot>, nowNs: MonotonicNs): void {
    for (const { slot, directions } of slots)
      for (let n = directions.giveUp(nowNs - GIVE_UP_AFTER_NS); n > 0; n--) this.#sink.lost(slot, "unknown");
  }

  wantingPeerRow(slots: Iterable<UdpSlot>, nowNs: MonotonicNs): readonly Slot[] {
    return [...slots]
      .filter(({ directions }) => directions.wantsPeerRow({ nowNs, afterNs: ASK_PEER_AFTER_NS }))
      .map(({ slot }) => slot);
  }

  peerReported(state: UdpSlot, { row, askedNs }: { readonly row: PeerRow; readonly askedNs: MonotonicNs }): void {
    const arrivals = this.#arrivals(state.slot, row);
    // An invalid row decides nothing.
    if (arrivals === undefined) return;
    this.#decide(state, {
      reflector: {
        incarnation: row.incarnation.toLowerCase(),
        drops: row.health.socketDrops > 0 ? Number.NaN : undefined,
      },
      arrivals,
      beforeNumber: state.directions.firstFailedSince(askedNs) ?? state.next,
    });
  }

  #arrivals({ pair, network, family }: Slot, row: PeerRow): Evidence["arrivals"] | undefined {
    const ours = row.udpReceived.find(
      (r) =>
        r.source.name === pair.source.name &&
        r.network === network &&
        r.family === family &&
        r.incarnation.toLowerCase() === this.#incarnation,
    );
    if (ours) return parseArrivals(ours.highest, ours.bitmap);
    // A peer that has no count for us, though it knows us (as it probes us), has had nothing of us.
    const knowsUs = row.pairs.some(
      (p) => p.destination.name === pair.source.name && p.network === network && p.family === family,
    );
    return knowsUs ? "none" : "unknown";
  }

  #decide(state: UdpSlot, evidence: Evidence): void {
    if (state.closed) return;
    for (const direction of state.directions.decide(evidence)) this.#sink.lost(state.slot, direction);
  }
}
