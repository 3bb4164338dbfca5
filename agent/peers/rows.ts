// How one agent gets another's row: from that agent itself, else by way of two others. The one way to do it, for the
// mesh view, the pair of a page, and whoever needs a peer's word.
import { setTimeout as sleep } from "node:timers/promises";
import type { Node } from "../model/peer.ts";
import type { Relayed, Row } from "../model/snapshot.ts";
import { PEER_ROWS_DEFAULTS, PeerRows, type PeerRow } from "./peer-rows.ts";
import type { PeerApi, RowQuery } from "./peer-api.ts";
import { Relays } from "./relays.ts";
import type { RowSeal } from "./row-seal.ts";

export interface RowsOptions {
  readonly peerApis: () => readonly PeerApi[];
  /** How long an agent may take to give its row, or a relay to give another's. */
  readonly deadlineMs: number;
  readonly seal: RowSeal | undefined;
  /** In [0, 1). */
  readonly random?: () => number;
}

export const ROWS_DEFAULTS = { deadlineMs: PEER_ROWS_DEFAULTS.deadlineMs } as const;

export type RowAnswer =
  | { readonly kind: "row"; readonly node: Node; readonly json: Buffer; readonly row: Row; readonly relayed?: Relayed }
  | { readonly kind: "missing"; readonly node: Node; readonly reason: string; readonly hearsay?: Row };

/** Others are asked after this share of the deadline: a row that comes late is better than none, and than two late ones. */
const RELAY_AFTER = 0.5;
/** What was heard of an agent is held against it, or for it, no longer. */
const HEARD_MS = 30_000;
const RELAY_CONNECTIONS = 4;

export class Rows implements AsyncDisposable {
  readonly #options: RowsOptions;
  readonly #direct: PeerRows;
  /** Apart from the direct questions: one that waits for a third agent must not hold those up. */
  readonly #byWay: PeerRows;
  readonly #relays: Relays;
  #heard = new Map<string, { readonly answered: boolean; readonly atMs: number }>();

  constructor(options: RowsOptions) {
    this.#options = options;
    const { deadlineMs, seal } = options;
    this.#direct = new PeerRows({ ...PEER_ROWS_DEFAULTS, deadlineMs });
    this.#byWay = new PeerRows({ ...PEER_ROWS_DEFAULTS, deadlineMs, connections: RELAY_CONNECTIONS });
    this.#relays = new Relays({ rows: this.#byWay, seal, candidates: (target) => this.#candidates(target) });
  }

  /** Never rejects: what went wrong is the reason of a missing row. */
  async ask(peer: PeerApi, query: RowQuery): Promise<RowAnswer> {
    const asked = this.#askDirectly(peer, query);
    const soon = await Promise.race([asked, sleep(this.#options.deadlineMs * RELAY_AFTER)]);
    // What it says of itself is its own word, right or wrong: nobody else is asked.
    if (soon !== undefined && isOwnWord(soon)) return answerOf(soon, peer);
    const byWay = this.#relays.ask(peer, query);
    const direct = await asked;
    if (isOwnWord(direct)) return answerOf(direct, peer);
    const relayed = await byWay;
    if (relayed.kind === "row") {
      const { json, row, by, trust } = relayed;
      return {
        kind: "row",
        node: peer.node,
        json,
        row,
        relayed: { node: peer.node, by, trust, reason: direct.reason },
      };
    }
    const { reason, hearsay } = relayed;
    const both = reason === undefined ? direct.reason : `${direct.reason}; ${reason}`;
    return { ...missing(peer, both), ...(hearsay !== undefined && { hearsay }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#direct[Symbol.asyncDispose](), this.#byWay[Symbol.asyncDispose]()]);
  }

  async #askDirectly(peer: PeerApi, query: RowQuery): Promise<PeerRow> {
    const answer = await this.#direct.ask(peer, query);
    this.#heard.set(peer.node.name, { answered: answer.kind === "row", atMs: performance.now() });
    return answer;
  }

  /** Who has just answered first, then who has not been asked, each in any order: load and trust are spread. */
  #candidates(target: Node): readonly PeerApi[] {
    const { peerApis, random = Math.random } = this.#options;
    const sinceMs = performance.now() - HEARD_MS;
    for (const [name, { atMs }] of this.#heard) if (atMs < sinceMs) this.#heard.delete(name);
    const heard = ({ node }: PeerApi) => this.#heard.get(node.name)?.answered;
    return peerApis()
      .filter((api) => api.serving && api.node.name !== target.name && heard(api) !== false)
      .map((api) => ({ api, order: (heard(api) === true ? 0 : 1) + random() }))
      .sort((a, b) => a.order - b.order)
      .map(({ api }) => api);
  }
}

type OwnWord =
  Extract<PeerRow, { kind: "row" }> | (Extract<PeerRow, { kind: "missing" }> & { readonly answered: object });

const isOwnWord = (answer: PeerRow): answer is OwnWord => answer.kind === "row" || answer.answered !== undefined;

function answerOf(answer: OwnWord, peer: PeerApi): RowAnswer {
  if (answer.kind === "missing") return missing(peer, answer.reason);
  const { node, json, row } = answer;
  return { kind: "row", node, json, row };
}

function missing({ node, serving }: PeerApi, reason: string): Extract<RowAnswer, { kind: "missing" }> {
  return { kind: "missing", node, reason: serving ? reason : `${reason}; discovery says it is not ready either` };
}
