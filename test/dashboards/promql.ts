// What an expression of PromQL names: its selectors with their labels, and the labels it groups or joins by.
import { parser } from "@prometheus-io/lezer-promql";

export interface Selector {
  readonly metric: string;
  readonly labels: readonly string[];
}

export interface Names {
  readonly selectors: readonly Selector[];
  /** Labels of `by`, `without`, `on`, `ignoring` and `group_left`. */
  readonly grouping: readonly string[];
  /** Labels that label_replace or label_join make. */
  readonly made: readonly string[];
  /** Widths of range selectors. */
  readonly windows: readonly string[];
}

/** Throws where the expression does not parse. */
export function namesIn(expr: string): Names {
  const selectors: { metric: string; labels: string[] }[] = [];
  const [grouping, made, windows]: [string[], string[], string[]] = [[], [], []];
  const text = ({ from, to }: { readonly from: number; readonly to: number }) => expr.slice(from, to);
  const tree = parser.parse(expr);
  tree.iterate({
    enter({ type, node }) {
      if (type.isError)
        throw new Error(
          `not PromQL at character ${node.from}: ${expr.slice(0, node.from)} ⟨here⟩ ${expr.slice(node.from)}`,
        );
      if (type.name === "VectorSelector") {
        const identifier = node.getChild("Identifier");
        const matchers = node.getChild("LabelMatchers")?.getChildren("UnquotedLabelMatcher") ?? [];
        selectors.push({
          metric: identifier ? text(identifier) : "",
          labels: matchers.map((matcher) => text(matcher.getChild("LabelName")!)),
        });
      }
      if (type.name === "GroupingLabels") grouping.push(...node.getChildren("LabelName").map(text));
      if (type.name === "FunctionCall" && /^label_(replace|join)\(/.test(text(node))) {
        const second = node.getChild("FunctionCallBody")!.getChild("StringLiteral")!;
        made.push(JSON.parse(text(second)) as string);
      }
      if (type.name === "MatrixSelector") windows.push(/\[([^\]]+)\]$/.exec(text(node))![1]!);
    },
  });
  return { selectors, grouping, made, windows };
}
