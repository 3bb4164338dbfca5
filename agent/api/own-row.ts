// This agent's row as it is given away. Without seconds it is built at most once a second, however many ask:
// anybody may.
import type { Row } from "../model/snapshot.ts";
import type { RowQuery } from "../peers/peer-api.ts";
import { onlyOf } from "./pair-query.ts";
import type { ApiSources } from "./sources.ts";

/** A row that was asked for has been written at most this long before. */
export const ROW_FRESH_MS = 1_000;

interface Written {
  readonly row: Row;
  readonly json: Buffer;
}

export class OwnRow {
  readonly #build: ApiSources["row"];
  #latest: (Written & { readonly builtMs: number }) | undefined;

  constructor(build: ApiSources["row"]) {
    this.#build = build;
  }

  json(query: RowQuery): Buffer {
    if (query.detail === "seconds") return written(this.#build(query)).json;
    const { row, json } = this.#plain();
    return query.destination === undefined ? json : written(onlyOf(row, { name: query.destination })).json;
  }

  #plain(): Written {
    const nowMs = performance.now();
    if (this.#latest === undefined || nowMs - this.#latest.builtMs >= ROW_FRESH_MS)
      this.#latest = { ...written(this.#build({ detail: "window" })), builtMs: nowMs };
    return this.#latest;
  }
}

const written = (row: Row): Written => ({ row, json: Buffer.from(JSON.stringify(row)) });
