// Pages of the commands that show nodes: their help, and what they print of three real kernels, recorded as a lab laid
// them and with two faults (test/host/record-views.ts).
import { readFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import type { PartView } from "../agent/cli/nodes/part.ts";
import { COUNTERS, INTERFACES, NEIGHBOURS, ROUTES, SOCKETS } from "../agent/cli/nodes/parts.ts";
import { nodesReport } from "../agent/cli/nodes/report.ts";
import { asTerminal } from "../agent/cli/report/render.ts";
import { nodeViewSchema, type NodeView } from "../agent/model/node-view.ts";
import { commandPage } from "./command-page.ts";

interface NodeExample {
  readonly of: string;
  readonly views: "calm" | "broken";
  readonly nodes?: readonly string[];
}

export interface NodePagePlan {
  readonly command: string;
  readonly part: PartView;
  readonly examples: readonly NodeExample[];
}

const CALM: NodeExample = { of: "Three nodes, nothing wrong, with the host view:", views: "calm" };
const BROKEN: NodeExample = {
  of: "The same nodes, with a route of node-1 deleted and a forwarding entry of node-2 turned to an address that nobody has:",
  views: "broken",
};
const ONE: NodeExample = { of: "Every line of one node:", views: "calm", nodes: ["node-1"] };

export const NODE_PAGES: readonly NodePagePlan[] = [
  { command: "routes", part: ROUTES, examples: [CALM, BROKEN, ONE] },
  { command: "interfaces", part: INTERFACES, examples: [CALM, ONE] },
  { command: "neighbours", part: NEIGHBOURS, examples: [CALM, BROKEN, ONE] },
  { command: "counters", part: COUNTERS, examples: [CALM, ONE] },
  { command: "sockets", part: SOCKETS, examples: [CALM, ONE] },
];

export const recordedViews = (file: NodeExample["views"]): NodeView[] =>
  nodeViewSchema
    .array()
    .parse(JSON.parse(readFileSync(new URL(`../test/fixtures/nodes/${file}.json`, import.meta.url), "utf8")));

export const nodePage = ({ command, part, examples }: NodePagePlan): Promise<string> =>
  commandPage({
    command,
    origin: "Written by `npm run golden`. Change the command, not this.",
    more: "What an agent without any right can see of its node, and what not: [the host view](../host-view.md).",
    examples: examples.map((example) => ({ of: example.of, text: printed(command, part, example) })),
  });

function printed(command: string, part: PartView, { views: file, nodes = [] }: NodeExample): string {
  const recorded = recordedViews(file);
  const views = nodes.length === 0 ? recorded : recorded.filter(({ node }) => nodes.includes(node.name));
  const all = nodes.length > 0;
  const read = { views, unseen: [], namespace: "host", isWhole: !all } as const;
  const words = ["internode", command, ...nodes, ...(all ? ["--all"] : [])].join(" ");
  return `$ ${words}\n${stripVTControlCharacters(asTerminal(nodesReport(part, { read, all })))}`;
}
