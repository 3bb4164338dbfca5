// How one agent gets another's row: from that agent itself, else by way of two others. The one way to do it, for the
// mesh view, the pair of a page, and whoever needs a peer's word.
import { randomUUID } from "node:crypto";
import { phase } from "../base/hash.ts";
import type { Node } from "../model/peer.ts";
import type { Relayed, Row } from "../model/snapshot.ts";
import { PEER_ROWS_DEFAULTS, PeerRows, type PeerRow } from "./peer-rows.ts";
import type { CompactRow } from "./compact-row.ts";
import type { PeerApi, RowQuery } from "./peer-api.ts";
import { Relays, type RelayedAnswer } from "./relays.ts";
import type { RowSeal } from "./row-seal.ts";

export interface RowsOptions {
  readonly peerApis: () => readonly PeerApi[];
  /** How long an agent may take to give its row, or a relay to give another's. */
  readonly deadlineMs: number;
  readonly seal: RowSeal | undefined;
}

export const ROWS_DEFAULTS = { deadlineMs: PEER_ROWS_DEFAULTS.deadlineMs } as const;

export type RowAnswer =
  | { readonly kind: "row"; readonly node: Node; readonly json: Buffer; readonly row: Row; readonly relayed?: Relayed }
  | { readonly kind: "missing"; readonly node: Node; readonly reason: string; readonly hearsay?: Row };

export type EvidenceAnswer = { readonly kind: "compact"; readonly row: CompactRow } | RowAnswer;

/**
 * Rows that others are asked for at half of the deadline already, before their own agents have failed. When more are
 * slow, it is we who are slow, and more questions would not help.
 */
const ASKED_EARLY = 4;
/** What was heard of an agent is held against it, or for it, no longer. */
const HEARD_MS = 30_000;
/** For who has been silent, or cannot be reached otherwise (every half minute it gets its full time again); in haste for all. */
const BRIEF_DEADLINE_MS = 1_000;
const RELAYS_DRAWN_MS = 60_000;
const RELAY_CONNECTIONS = 4;

export class Rows implements AsyncDisposable {
  readonly #options: RowsOptions;
  readonly #direct: PeerRows;
  /** Apart from the direct questions: one that waits for a third agent must not hold those up. */
  readonly #byWay: PeerRows;
  readonly #relays: Relays;
  readonly #salt = randomUUID();
  /** Rows that others have been asked for. */
  #underWay = 0;
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
    let byWay: Promise<RelayedAnswer> | undefined;
    const askOthers = () => (byWay ??= this.#askOthers(peer, query));
    const direct = await this.#direct.ask(peer, query, {
      onSlow: () => {
        if (this.#underWay < ASKED_EARLY) void askOthers();
      },
    });
    this.#heard.set(peer.node.name, { answered: direct.kind === "row", atMs: performance.now() });
    // What it says of itself is its own word, right or wrong: nobody else's counts against it.
    if (isOwnWord(direct)) return answerOf(direct, peer);
    return byWayOf(peer, direct.reason, await askOthers());
  }

  /**
   * For a judge: in the compact form, else (an older agent, or by way of others) as JSON. `isSilent`: nothing else is
   * answered from there either, so nobody waits for it for long; `isHasty`: it is asked again soon, so nor does anybody
   * for who should tell of it. Never rejects.
   */
  async evidence(
    peer: PeerApi,
    { isSilent = false, isHasty = false }: { readonly isSilent?: boolean; readonly isHasty?: boolean } = {},
  ): Promise<EvidenceAnswer> {
    const deadlineMs = Math.min(BRIEF_DEADLINE_MS, this.#options.deadlineMs);
    const isImpatient = isSilent || isHasty || this.#wasSilent(peer);
    let byWay: Promise<RelayedAnswer> | undefined;
    const askOthers = () => (byWay ??= this.#askOthers(peer, { detail: "window" }, isHasty ? deadlineMs : undefined));
    const direct = await this.#direct.evidence(peer, {
      onSlow: () => {
        if (this.#underWay < ASKED_EARLY) void askOthers();
      },
      ...(isImpatient && { deadlineMs }),
    });
    const isHeard = direct.kind === "compact";
    // Who was not waited for may only have been slow: that is not held against it for any longer.
    if (isHeard || !isImpatient) this.#heard.set(peer.node.name, { answered: isHeard, atMs: performance.now() });
    if (direct.kind === "compact") return direct;
    if (direct.answered?.status === BAD_REQUEST) return this.ask(peer, { detail: "window" });
    if (direct.answered !== undefined) return missing(peer, direct.reason);
    return byWayOf(peer, direct.reason, await askOthers());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#direct[Symbol.asyncDispose](), this.#byWay[Symbol.asyncDispose]()]);
  }

  #wasSilent({ node }: PeerApi): boolean {
    const heard = this.#heard.get(node.name);
    return heard?.answered === false && performance.now() - heard.atMs < HEARD_MS;
  }

  async #askOthers(peer: PeerApi, query: RowQuery, deadlineMs?: number): Promise<RelayedAnswer> {
    this.#underWay += 1;
    try {
      return await this.#relays.ask(peer, query, deadlineMs);
    } finally {
      this.#underWay -= 1;
    }
  }

  /**
   * Who has just answered first, then who has not been asked. Among them chance decides, anew every minute and for every
   * target: load and trust are spread, and nobody can know beforehand who will be asked.
   */
  #candidates(target: Node): readonly PeerApi[] {
    const nowMs = performance.now();
    for (const [name, { atMs }] of this.#heard) if (atMs < nowMs - HEARD_MS) this.#heard.delete(name);
    const draw = `${this.#salt} ${target.name} ${Math.floor(nowMs / RELAYS_DRAWN_MS)}`;
    const heard = ({ node }: PeerApi) => this.#heard.get(node.name)?.answered;
    return this.#options
      .peerApis()
      .filter((api) => api.serving && api.node.name !== target.name && heard(api) !== false)
      .map((api) => ({ api, order: (heard(api) === true ? 0 : 1) + phase(`${draw} ${api.node.name}`) }))
      .sort((a, b) => a.order - b.order)
      .map(({ api }) => api);
  }
}

function byWayOf(peer: PeerApi, why: string, relayed: RelayedAnswer): RowAnswer {
  if (relayed.kind === "row") {
    const { json, row, by, trust } = relayed;
    return {
      kind: "row",
      node: peer.node,
      json,
      row,
      relayed: { node: peer.node, by, trust, reason: why },
    };
  }
  const { reason, hearsay } = relayed;
  const both = reason === undefined ? why : `${why}; ${reason}`;
  return { ...missing(peer, both), ...(hearsay !== undefined && { hearsay }) };
}

/** An agent that does not know what it is asked for. */
const BAD_REQUEST = 400;

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
