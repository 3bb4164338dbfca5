// What a command found, before it has a form. Terminal, Markdown and HTML are made from this, so text that others wrote
// is escaped in one place for each of them.

/** `unknown`: nothing that was seen can tell. `note`: worth knowing, no fault. */
export const MARKS = ["fine", "broken", "unknown", "note"] as const;
export type Mark = (typeof MARKS)[number];

export interface Item {
  readonly mark: Mark;
  readonly text: string;
  /** Below it, one a line. */
  readonly details?: readonly string[];
}

export type Block =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "items"; readonly items: readonly Item[] }
  | {
      readonly kind: "table";
      readonly heads: readonly string[];
      readonly rows: readonly (readonly string[])[];
      /** Names are shown as they are written. */
      readonly headsAre: "words" | "names";
    };

export interface Section {
  readonly title: string;
  readonly blocks: readonly Block[];
}

export interface Report {
  readonly title: string;
  /** The answer in one sentence. */
  readonly headline: string;
  readonly isFault: boolean;
  readonly sections: readonly Section[];
  /** The same for programs; `schemaVersion` is added. */
  readonly data: object;
}

export const text = (words: string): Block => ({ kind: "text", text: words });
export const items = (list: readonly Item[]): Block => ({ kind: "items", items: list });
export const tableOf = (
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  headsAre: "words" | "names" = "words",
): Extract<Block, { readonly kind: "table" }> => ({ kind: "table", heads, rows, headsAre });
