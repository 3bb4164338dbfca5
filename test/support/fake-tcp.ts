// A handshake of the fake kernel: established, refused, hanging, or answered only after SYNs were sent again.
import type { TcpHandshake, TcpProgress } from "../../agent/kernel/kernel.ts";
import type { FakeNetwork, TcpFate } from "./fake-network.ts";

const NS_PER_S = 1_000_000_000;
const NS_PER_MS = 1_000_000;
/** tcp_syn_retries = 6: the kernel gives up with ETIMEDOUT after 127 s. */
const GIVE_UP_AFTER_SYNS = 7;

export class FakeHandshake implements TcpHandshake {
  readonly #network: FakeNetwork;
  readonly #fate: Exclude<TcpFate, { kind: "errno" }>;
  readonly #begunNs: number;
  readonly #closed: (handshake: FakeHandshake) => void;

  constructor(options: {
    readonly network: FakeNetwork;
    readonly fate: Exclude<TcpFate, { kind: "errno" }>;
    readonly closed: (handshake: FakeHandshake) => void;
  }) {
    this.#network = options.network;
    this.#fate = options.fate;
    this.#begunNs = options.network.clock.monotonicNs();
    this.#closed = options.closed;
  }

  poll(): TcpProgress {
    const elapsedNs = this.#network.clock.monotonicNs() - this.#begunNs;
    const fate = this.#fate;
    const roundTripNs = 2 * this.#network.delayNs;
    switch (fate.kind) {
      case "hang": {
        if (elapsedNs >= synSentNs(GIVE_UP_AFTER_SYNS))
          return { state: "closed", retransmits: GIVE_UP_AFTER_SYNS - 1, errno: "ETIMEDOUT" };
        return { state: "connecting", retransmits: synsSentAgain(elapsedNs) };
      }
      case "establish": {
        const lost = fate.lostSyns ?? 0;
        const rttNs = fate.rttNs ?? roundTripNs;
        const answeredNs = synSentNs(lost) + rttNs;
        if (elapsedNs < answeredNs) return { state: "connecting", retransmits: synsSentAgain(elapsedNs) };
        // After a retry the time-stamp option measures in whole milliseconds from a clock of its own.
        return {
          state: "established",
          retransmits: lost,
          rttNs: lost > 0 ? 1_000 * NS_PER_MS : rttNs,
          answeredAgoMs: Math.floor((elapsedNs - answeredNs) / NS_PER_MS),
        };
      }
      case "refuse": {
        const lost = fate.lostSyns ?? 0;
        if (elapsedNs < synSentNs(lost) + roundTripNs)
          return { state: "connecting", retransmits: synsSentAgain(elapsedNs) };
        return { state: "closed", retransmits: lost, errno: "ECONNREFUSED" };
      }
      case "icmp":
        if (elapsedNs < roundTripNs) return { state: "connecting", retransmits: 0 };
        return {
          state: "closed",
          retransmits: 0,
          errno: fate.errno,
          icmp: { ...fate, fromTarget: fate.fromTarget ?? true },
        };
      default:
        return fate satisfies never;
    }
  }

  [Symbol.dispose](): void {
    this.#closed(this);
  }
}

/** When the n-th SYN (from 0) leaves: 0, 1, 3, 7 … s. */
function synSentNs(n: number): number {
  return (2 ** n - 1) * NS_PER_S;
}

function synsSentAgain(elapsedNs: number): number {
  let n = 0;
  while (synSentNs(n + 1) <= elapsedNs) n++;
  return n;
}
