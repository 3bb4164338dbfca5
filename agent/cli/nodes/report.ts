// What sets nodes apart comes first, then a line for each node; every line of every node only when it is asked for.
import { counted, listed } from "../../base/format.ts";
import { compareViews } from "../../diagnosis/compare/compare.ts";
import type { Difference } from "../../diagnosis/compare/difference.ts";
import type { NodeView, NotVisible } from "../../model/node-view.ts";
import { items, tableOf, text, type Item, type Report, type Section } from "../report/report.ts";
import type { PartView } from "./part.ts";
import type { ViewsRead } from "./read.ts";

export interface ShownNodes {
  readonly read: ViewsRead;
  readonly earlier?: readonly NodeView[];
  /** Every line. */
  readonly all: boolean;
}

/** Of one kind and one node; the others are counted. */
const SHOWN_ALIKE = 3;
const SHOWN_OF_A_KIND = 20;

export function nodesReport(part: PartView, { read, earlier, all }: ShownNodes): Report {
  const { views, unseen, namespace, isWhole } = read;
  const found = compareViews({ views, isWhole, ...(earlier && { earlier }) }).filter((one) => one.part === part.part);
  const faults = found.filter(({ isFault }) => isFault);
  return {
    title: part.part,
    headline: headlineOf(part, read, found),
    isFault: faults.length > 0 || views.length === 0,
    sections: [
      ...(found.length === 0 ? [] : [{ title: "What sets nodes apart", blocks: [items(shown(found, all))] }]),
      ...(views.length === 0
        ? []
        : [
            {
              title: `Nodes, ${namespace === "host" ? "the host's" : "the agent's pod's"} network`,
              blocks: [
                tableOf(
                  ["node", ...part.heads],
                  views.map((view) => [view.node.name, ...part.line(view)]),
                ),
              ],
            },
          ]),
      ...(all ? views.flatMap((view) => part.sections(view)) : []),
      ...unseenSections(part, read),
      ...hint(read, all),
    ],
    data: {
      namespace,
      differences: found,
      nodes: views.map((view) => ({
        node: view.node.name,
        at: view.at,
        ...Object.fromEntries(part.fields.map((field) => [field, view[field]])),
      })),
      unseen,
    },
  };
}

function headlineOf({ what }: PartView, { views, unseen }: ViewsRead, found: readonly Difference[]): string {
  if (views.length === 0) return `The ${what} of no node could be seen.`;
  const without = unseen.length === 0 ? "" : `; ${counted(unseen.length, "node")} could not be seen`;
  if (views.length === 1 && found.length === 0)
    return `Nothing is wrong with the ${what} of ${views[0]!.node.name}${without}.`;
  const faults = found.filter(({ isFault }) => isFault);
  const [only] = faults;
  if (faults.length === 1) return `${only!.text}${without}.`;
  if (faults.length > 1)
    return `${counted(faults.length, "fault")} in the ${what} of ${listed([...new Set(faults.map(({ node }) => node))])}${without}.`;
  return `No node stands out by its ${what}: ${counted(views.length, "node")} compared${without}.`;
}

/** Faults first; many of a kind as a few and a number. */
function shown(found: readonly Difference[], all: boolean): Item[] {
  const item = ({ isFault, text }: Difference): Item => ({ mark: isFault ? "broken" : "note", text });
  if (all) return found.map(item);
  const groups = [...Map.groupBy(found, ({ kind, node, isFault }) => `${isFault} ${kind} ${node}`).values()];
  const kinds = new Map<string, number>();
  const list: Item[] = [];
  for (const group of groups) {
    const [{ kind, node, isFault }] = group as [Difference, ...Difference[]];
    const before = kinds.get(kind) ?? 0;
    kinds.set(kind, before + group.length);
    if (before >= SHOWN_OF_A_KIND) continue;
    list.push(...group.slice(0, SHOWN_ALIKE).map(item));
    if (group.length > SHOWN_ALIKE)
      list.push({
        mark: isFault ? "broken" : "note",
        text: `and ${group.length - SHOWN_ALIKE} more like it on ${node} (--all lists them)`,
      });
  }
  const more = [...kinds.values()].reduce((sum, count) => sum + Math.max(0, count - SHOWN_OF_A_KIND), 0);
  return more > 0 && groups.length > SHOWN_OF_A_KIND
    ? [
        ...list,
        { mark: "note", text: `and more of the same on other nodes: ${found.length} in all (--all lists them)` },
      ]
    : list;
}

function unseenSections({ fields }: PartView, { views, unseen }: ViewsRead): Section[] {
  const hidden = new Map<string, string[]>();
  const add = (why: string, node: string) => void hidden.set(why, [...(hidden.get(why) ?? []), node]);
  for (const view of views)
    for (const field of fields) {
      const part = view[field];
      if (isHidden(part)) add(`${WORDS[field] ?? field}: ${part.reason}`, view.node.name);
    }
  for (const { node, why } of unseen) add(why, node);
  return hidden.size === 0
    ? []
    : [
        {
          title: "Not visible",
          blocks: [items([...hidden].map(([why, nodes]) => ({ mark: "unknown", text: `${listed(nodes)}: ${why}` })))],
        },
      ];
}

const WORDS: Readonly<Partial<Record<keyof NodeView, string>>> = {
  forwarding: "forwarding entries",
  neighbourTables: "limits of the neighbour tables",
  conntrack: "connection tracking",
};

function isHidden(part: unknown): part is NotVisible {
  return typeof part === "object" && part !== null && (part as { visible?: unknown }).visible === false;
}

function hint({ namespace, views }: ViewsRead, all: boolean): Section[] {
  const lines = [
    ...(namespace === "pod" && views.length > 0
      ? ["This is the network of the agents' pods. The nodes' own is shown with the chart's hostView.enabled=true."]
      : []),
    ...(all || views.length === 0 ? [] : ["Every line: --all. Everything, for programs: -o json."]),
  ];
  return lines.length === 0 ? [] : [{ title: "More", blocks: lines.map(text) }];
}
