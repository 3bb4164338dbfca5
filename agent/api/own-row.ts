// This agent's row as it is given away. The plain one may be asked for by anybody, so writing it takes a twentieth of
// the time at most, however many ask.
import type { Row } from "../model/snapshot.ts";
import { ROW_FRESH_MS, type RowQuery } from "../peers/peer-api.ts";
import { encodeRow } from "../peers/compact-row.ts";
import type { RowSeal } from "../peers/row-seal.ts";
import { onlyOf } from "./pair-query.ts";
import type { AgentView } from "./agent-view.ts";

/** A row as it is sent, as JSON or in the compact form. */
export interface SealedRow {
  readonly json: Buffer;
  /** With a shared key. */
  readonly seal: string | undefined;
}

/** A row is given again for this many times as long as it took to write, so that what is told is as new as it can be. */
const GIVEN_AGAIN_FOR = 19;

type Written = SealedRow & { readonly row: Row };

export class OwnRow {
  readonly #build: AgentView["row"];
  readonly #seal: RowSeal | undefined;
  #latest: (Written & { readonly goodUntilMs: number }) | undefined;

  constructor(build: AgentView["row"], seal: RowSeal | undefined) {
    this.#build = build;
    this.#seal = seal;
  }

  give(query: RowQuery): SealedRow {
    if (query.detail === "seconds" || query.span !== undefined) return this.#written(this.#build(query));
    const plain = this.#plain();
    if (query.detail === "evidence") return this.#compact(plain);
    return query.destination === undefined ? plain : this.#written(onlyOf(plain.row, { name: query.destination }));
  }

  #plain(): Written {
    const nowMs = performance.now();
    if (this.#latest === undefined || nowMs >= this.#latest.goodUntilMs) {
      const written = this.#written(this.#build({ detail: "window" }));
      const tookMs = performance.now() - nowMs;
      this.#latest = { ...written, goodUntilMs: nowMs + Math.min(ROW_FRESH_MS, (1 + GIVEN_AGAIN_FOR) * tookMs) };
    }
    return this.#latest;
  }

  #compact(plain: Written & { compact?: SealedRow }): SealedRow {
    if (plain.compact === undefined) {
      const bytes = encodeRow(plain.row);
      plain.compact = { json: bytes, seal: this.#seal?.of(bytes) };
    }
    return plain.compact;
  }

  #written(row: Row): Written {
    const json = Buffer.from(JSON.stringify(row));
    return { row, json, seal: this.#seal?.of(json) };
  }
}
