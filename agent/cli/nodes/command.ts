// The commands that show what nodes' kernels say: the same arguments, options and order for all five.
import { setTimeout as sleep } from "node:timers/promises";
import { Option } from "commander";
import type { Namespace, NodeView } from "../../model/node-view.ts";
import { UsageError, type Command, type Typed } from "../command.ts";
import { AgentUnreachable } from "../mesh-client.ts";
import { Progress } from "../progress.ts";
import { reportCommand } from "../report-command.ts";
import { text, type Report } from "../report/report.ts";
import type { Sources } from "../sources.ts";
import type { PartView } from "./part.ts";
import { readViews, type ViewsRead } from "./read.ts";
import { nodesReport } from "./report.ts";

export interface NodesCommand {
  readonly part: PartView;
  readonly more: string;
  /** Read twice, so that what counters gain meanwhile is seen. */
  readonly twice?: boolean;
}

const SECONDS_BETWEEN = 2;

export function nodesCommand({ part, more, twice = false }: NodesCommand): Command {
  return reportCommand({
    more,
    declare: (parser) => {
      parser
        .argument("[NODE...]", "nodes to show and compare (default: all)")
        .option("--all", "every line of every node, not only what sets it apart")
        .addOption(
          new Option(
            "--view <WHOSE>",
            "whose network: the agent's pod's or the host's (default: the host's where the chart's host view runs)",
          ).choices(["pod", "host"]),
        );
      if (twice)
        parser.option(
          "--interval <SECONDS>",
          "time between two readings, whose difference tells what is lost now; 0 reads once",
          String(SECONDS_BETWEEN),
        );
    },
    make: (sources, typed) => makeNodes(part, sources, typed),
  });
}

async function makeNodes(part: PartView, { reach, signal }: Sources, typed: Typed): Promise<Report> {
  const { all, view } = typed.options as { readonly all?: boolean; readonly view?: Namespace };
  const seconds = intervalOf(typed);
  const wanted = { nodes: typed.args, namespace: view };
  let read: ViewsRead;
  let earlier: readonly NodeView[] | undefined;
  try {
    read = await readViews(reach, wanted, signal);
    if (seconds > 0 && read.views.length > 0) {
      using progress = new Progress();
      progress.step(`waiting ${seconds} s to see what counters gain`);
      await sleep(seconds * 1_000, undefined, { signal });
      earlier = read.views;
      read = await readViews(reach, wanted, signal);
    }
  } catch (err) {
    if (!(err instanceof AgentUnreachable)) throw err;
    return unseenReport(part, err.message);
  }
  return nodesReport(part, { read, all: all === true, ...(earlier && { earlier }) });
}

function intervalOf({ options }: Typed): number {
  const { interval } = options as { readonly interval?: string };
  if (interval === undefined) return 0;
  const seconds = Number(interval);
  if (!/^\d+(\.\d+)?$/.test(interval) || seconds > 3_600)
    throw new UsageError(`--interval takes seconds from 0 to 3600, not '${interval}'`);
  return seconds;
}

const unseenReport = ({ part, what }: PartView, why: string): Report => ({
  title: part,
  headline: `The ${what} of no node could be seen.`,
  isFault: true,
  sections: [{ title: "Why", blocks: [text(why)] }],
  data: { differences: [], nodes: [], unseen: [{ node: "", why }] },
});
