// Runs the trials it is told, one after the other, and tells each.
import { parentPort } from "node:worker_threads";
import { runCalm, runTrial, type CalmResult, type TrialResult } from "../sim/trial.ts";
import type { WorldKind } from "../sim/worlds.ts";
import { BARS } from "./rows.ts";

export type Task =
  | {
      readonly do: "trial";
      readonly bar: number;
      readonly nodes: number;
      readonly seed: number;
      readonly kind: WorldKind;
    }
  | {
      readonly do: "calm";
      readonly nodes: number;
      readonly minutes: number;
      readonly seed: number;
      readonly kind: WorldKind;
    };

export type Done =
  | { readonly task: Task & { readonly do: "trial" }; readonly trial: TrialResult }
  | { readonly task: Task & { readonly do: "calm" }; readonly calm: CalmResult };

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
parentPort?.on("message", (task: Task) => parentPort!.postMessage(run(task)));

function run(task: Task): Done {
  if (task.do === "calm") return { task, calm: runCalm(task) };
  const { fault, withinSeconds } = BARS[task.bar]!;
  return { task, trial: runTrial({ ...task, fault, withinSeconds }) };
}
