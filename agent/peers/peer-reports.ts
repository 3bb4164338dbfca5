// When no reply tells any more which way UDP probes died, the peer's own row does: it counts what arrives from us.
import type { Chores } from "../base/chores.ts";
import type { Clock } from "../base/clock.ts";
import type { Slot } from "../model/slot.ts";
import type { UdpProber } from "../probes/udp.ts";
import { ROW_FRESH_MS, type PeerApi } from "./peer-api.ts";
import type { Rows } from "./rows.ts";

export interface PeerReportsOptions {
  readonly udp: Pick<UdpProber, "wantingPeerRow" | "peerReported">;
  readonly clock: Clock;
  readonly chores: Chores;
  /** This node: rows are asked for what concerns it. */
  readonly self: string;
  readonly peerApis: () => readonly PeerApi[];
  /** By way of others too: where all packets to a peer die, its row does not come directly either. */
  readonly rows: Pick<Rows, "ask">;
}

const ASK_EVERY_MS = 5_000;
/** By its own agent for a second, and by a relay for another. */
const ROW_KEPT_NS = 2 * ROW_FRESH_MS * 1e6;
/** Peers asked at once; the rest in the next round. */
const MAX_ASKED = 16;

export class PeerReports implements AsyncDisposable {
  readonly #options: PeerReportsOptions;
  #chore: Disposable | undefined;
  #round: Promise<void> = Promise.resolve();
  #asking = false;
  /** Who was asked longest ago goes first: those that never answer must not keep the others from being heard. */
  #askedLast = new Map<string, number>();
  #rounds = 0;

  constructor(options: PeerReportsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#chore = this.#options.chores.every(ASK_EVERY_MS, () => {
      if (!this.#asking) this.#round = this.#ask();
    });
  }

  async #ask(): Promise<void> {
    const wanting = Map.groupBy(this.#options.udp.wantingPeerRow(), (slot) => slot.pair.destination.name);
    if (wanting.size === 0) return;
    this.#asking = true;
    try {
      const apis = this.#inTurn(this.#options.peerApis().filter((api) => wanting.has(api.node.name)));
      await Promise.all(apis.slice(0, MAX_ASKED).map((api) => this.#askOne(api, wanting.get(api.node.name)!)));
    } finally {
      this.#asking = false;
    }
  }

  /** Longest not asked first; remembers only those that are still wanted. */
  #inTurn(apis: readonly PeerApi[]): readonly PeerApi[] {
    const round = ++this.#rounds;
    const last = (api: PeerApi) => this.#askedLast.get(api.node.name) ?? 0;
    const inTurn = apis.toSorted((a, b) => last(a) - last(b));
    this.#askedLast = new Map(inTurn.map((api, i) => [api.node.name, i < MAX_ASKED ? round : last(api)]));
    return inTurn;
  }

  async #askOne(api: PeerApi, slots: readonly Slot[]): Promise<void> {
    const { udp, clock, self, rows } = this.#options;
    const writtenAfterNs = clock.monotonicNs() - ROW_KEPT_NS;
    const answer = await rows.ask(api, { detail: "window", destination: self });
    if (answer.kind === "missing") return;
    for (const slot of slots) udp.peerReported(slot, { row: answer.row, askedNs: writtenAfterNs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#chore?.[Symbol.dispose]();
    await this.#round;
  }
}
