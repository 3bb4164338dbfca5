// The same action at both ends of a pair, at the same time: from one node to the other, and back.
import type { Command as Parser } from "commander";
import { forText } from "../../base/escape.ts";
import { UsageError } from "../command.ts";
import { AgentUnreachable } from "../mesh-client.ts";
import { Progress } from "../progress.ts";
import type { Reach } from "../reach.ts";
import { runAction } from "./run-action.ts";

export interface WaysOptions {
  readonly oneWay?: true;
  readonly tokenFile?: string;
}

export const declareWays = (parser: Parser): Parser =>
  parser
    .argument("<FROM>", "node whose agent begins")
    .argument("<TO>", "the other node")
    .option("--one-way", "only from FROM to TO, not back");

export interface WantedWays<P> {
  readonly command: string;
  readonly action: string;
  /** FROM and TO, as typed. */
  readonly names: readonly string[];
  readonly options: WaysOptions;
  /** Without the target. */
  readonly request: object;
  readonly progressOf: (progress: P) => string;
}

export interface Ways<R> {
  /** That of FROM first. */
  readonly results: readonly R[];
  /** Told on stderr already. */
  readonly failures: readonly { readonly from: string; readonly to: string; readonly error: string }[];
}

/** What goes wrong one way is told, and the other goes on. Throws UsageError. */
export async function runBothWays<P, R>(reach: Reach, wanted: WantedWays<P>, signal: AbortSignal): Promise<Ways<R>> {
  const [from, to] = wanted.names as [string, string];
  if (from === to) throw new UsageError(`FROM and TO are both '${from}': name two nodes`);
  using progress = new Progress();
  const steps = new Map<string, string>();
  const ways = wanted.options.oneWay === true ? [[from, to]] : [[from, to], [to, from]]; // prettier-ignore
  const failures: Ways<R>["failures"][number][] = [];
  const notes: string[] = [];
  const results = await Promise.all(
    (ways as [string, string][]).map(async ([source, target]): Promise<R[]> => {
      const ask = {
        action: wanted.action,
        node: source,
        request: { ...wanted.request, target },
        tokenFile: wanted.options.tokenFile,
      };
      try {
        for await (const line of runAction(reach, ask, signal)) {
          if (line.kind === "result") {
            if (typeof line["note"] === "string") notes.push(`${source} to ${target}: ${forText(line["note"])}`);
            return [line as unknown as R]; // of an agent of ours, which has the token
          }
          steps.set(source, `${source} to ${target}: ${wanted.progressOf(line as unknown as P)}`);
          progress.step([...steps.values()].map(forText).join("; "));
        }
      } catch (err) {
        if (signal.aborted) return [];
        if (!(err instanceof AgentUnreachable)) throw err;
        failures.push({ from: source, to: target, error: err.message });
      }
      return [];
    }),
  );
  progress[Symbol.dispose]();
  for (const note of notes) console.error(`internode ${wanted.command}: ${note}`);
  for (const failure of failures)
    console.error(`internode ${wanted.command}: ${failure.from} to ${failure.to}: ${failure.error}`);
  return { results: results.flat(), failures };
}
