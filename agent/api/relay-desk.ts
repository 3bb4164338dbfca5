// The other end of a relay: another agent's row, asked for by node name by an agent that cannot reach it. One hop: the
// node itself is asked, as this agent's own discovery knows it, and never by way of a third.
import { PEER_ROWS_DEFAULTS, PeerRows, type PeerRow } from "../peers/peer-rows.ts";
import { ROW_FRESH_MS, type PeerApi, type RowQuery } from "../peers/peer-api.ts";
import { RELAY_UNREACHED } from "../peers/relays.ts";
import type { SealedRow } from "./own-row.ts";

export interface RelayDeskOptions {
  readonly peerApis: () => readonly PeerApi[];
  /** How long the agents that ask here wait for an answer. */
  readonly deadlineMs: number;
}

export type Relayable = SealedRow | { readonly status: number; readonly error: string };

/** Rows under way for others. More are refused: to help must not cost an agent its own work. */
const MAX_OUTSTANDING = 4;
/** Answers kept for their second. */
const MAX_KEPT = 16;
/** The row's agent gets less time than whoever waits here for the answer. */
const OWN_SHARE = 0.7;

export class RelayDesk implements AsyncDisposable {
  readonly #options: RelayDeskOptions;
  readonly #rows: PeerRows;
  /** By what was asked; whoever asks the same within a second gets the same. */
  readonly #answers = new Map<string, Promise<Relayable>>();
  #outstanding = 0;

  constructor(options: RelayDeskOptions) {
    this.#options = options;
    this.#rows = new PeerRows({ ...PEER_ROWS_DEFAULTS, deadlineMs: options.deadlineMs * OWN_SHARE });
  }

  async ask(of: string, query: RowQuery): Promise<Relayable> {
    const key = JSON.stringify([of, query.detail, query.destination, query.span]);
    const kept = this.#answers.get(key);
    if (kept !== undefined) return kept;
    const peer = this.#options.peerApis().find(({ node }) => node.name === of);
    if (peer === undefined) return { status: 404, error: `it knows no address of '${of}'` };
    if (this.#outstanding >= MAX_OUTSTANDING)
      return { status: 503, error: `it has ${MAX_OUTSTANDING} rows under way for others, which is its limit` };
    const answer = this.#fetch(peer, query);
    this.#answers.set(key, answer);
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= MAX_KEPT) break;
      this.#answers.delete(oldest);
    }
    void answer.then(() => setTimeout(() => this.#forget(key, answer), ROW_FRESH_MS).unref());
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#answers.clear();
    await this.#rows[Symbol.asyncDispose]();
  }

  async #fetch(peer: PeerApi, query: RowQuery): Promise<Relayable> {
    this.#outstanding += 1;
    try {
      return relayable(await this.#rows.ask(peer, query));
    } finally {
      this.#outstanding -= 1;
    }
  }

  #forget(key: string, answer: Promise<Relayable>): void {
    if (this.#answers.get(key) === answer) this.#answers.delete(key);
  }
}

function relayable(answer: PeerRow): Relayable {
  if (answer.kind === "row") return { json: answer.json, seal: answer.seal };
  return { status: answer.answered === undefined ? RELAY_UNREACHED : 502, error: answer.reason };
}
