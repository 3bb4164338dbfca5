// The judge of a running agent: its evidence, and the other judges, over HTTP.
import type { Clock } from "../base/clock.ts";
import { JudgePeers } from "../peers/judge-peers.ts";
import type { Rows } from "../peers/rows.ts";
import { gatherEvidence, type EvidenceSources } from "./gather.ts";
import { Judging, type JudgingOptions } from "./judging.ts";

export interface StartJudgingOptions extends Pick<JudgingOptions, "isServing" | "sharedKey" | "log"> {
  readonly sources: EvidenceSources;
  readonly rows: Pick<Rows, "ask">;
  readonly clock: Clock;
}

export type RunningJudge = Pick<Judging, "answer" | "state"> & AsyncDisposable;

export function startJudging({ sources, rows, clock, ...options }: StartJudgingOptions): RunningJudge {
  const peers = new JudgePeers();
  const judging = new Judging({
    ...options,
    clock,
    peers,
    self: () => sources.node,
    peerApis: () => sources.peerApis(),
    gather: () => gatherEvidence({ sources, rows, clock }),
  });
  judging.start();
  return {
    answer: (asked) => judging.answer(asked),
    get state() {
      return judging.state;
    },
    async [Symbol.asyncDispose]() {
      await judging[Symbol.asyncDispose]();
      await peers[Symbol.asyncDispose]();
    },
  };
}
