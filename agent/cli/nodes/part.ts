// One part of what nodes tell, as a command shows it.
import type { Part } from "../../diagnosis/compare/difference.ts";
import type { ListOf, NodeView } from "../../model/node-view.ts";
import type { Block, Section } from "../report/report.ts";

export interface PartView {
  readonly part: Part;
  /** What is compared, for the sentence that says that nothing differs: "routes". */
  readonly what: string;
  /** The columns of the table with a line a node. */
  readonly heads: readonly string[];
  readonly line: (view: NodeView) => readonly string[];
  /** All of one node, for --all. */
  readonly sections: (view: NodeView) => readonly Section[];
  /** The fields of the view that `-o json` gives. */
  readonly fields: readonly (keyof NodeView)[];
}

/** How many there are, or that they cannot be seen. */
export const sizeOf = (list: ListOf<unknown>): string =>
  list.visible ? (list.items.length + list.leftOut).toLocaleString("en") : "not visible";

/** A table of one node, or nothing where it would be empty. What the agent left out is told below it. */
export function section(
  title: string,
  block: Extract<Block, { kind: "table" }>,
  list?: ListOf<unknown>,
): readonly Section[] {
  if (block.rows.length === 0) return [];
  const more = list?.visible === true ? list.leftOut : 0;
  return [
    {
      title,
      blocks: [
        block,
        ...(more > 0
          ? [{ kind: "text", text: `and ${more.toLocaleString("en")} more, which the agent leaves out` } as const]
          : []),
      ],
    },
  ];
}
