// The judge of a running agent: its evidence, and the other judges, over HTTP.
import type { Chores } from "../base/chores.ts";
import type { Clock } from "../base/clock.ts";
import { JudgePeers } from "../peers/judge-peers.ts";
import type { PeerApi } from "../peers/peer-api.ts";
import { PeerViews, type TokenSource } from "../peers/peer-views.ts";
import { RowSeal } from "../peers/row-seal.ts";
import { Rows } from "../peers/rows.ts";
import { gatherEvidence, type EvidenceSources } from "./gather.ts";
import { Kernels } from "./kernels.ts";
import { Judging, type JudgingOptions } from "./judging.ts";

export interface StartJudgingOptions extends Pick<JudgingOptions, "isServing" | "failures" | "sharedKey" | "log"> {
  readonly sources: EvidenceSources & { hostApis(): readonly PeerApi[] };
  readonly clock: Clock;
  readonly chores: Chores;
  /** With it host views are asked. */
  readonly token?: TokenSource | undefined;
}

/** Longer than for somebody who waits at a page: a busy agent is not a missing one. */
const ROW_WITHIN_MS = 3_000;
/** Longer still: a node that loses most of what it sends tells late why. It is asked every ten seconds. */
const VIEW_WITHIN_MS = 8_000;

export type RunningJudge = Pick<Judging, "answer" | "report"> & AsyncDisposable;

export function startJudging({ sources, clock, chores, token, ...options }: StartJudgingOptions): RunningJudge {
  const { sharedKey } = options;
  const peers = new JudgePeers();
  const rows = new Rows({
    peerApis: () => sources.peerApis(),
    deadlineMs: ROW_WITHIN_MS,
    seal: sharedKey && new RowSeal(sharedKey),
  });
  const nowMs = () => clock.monotonicNs() / 1e6;
  const views = new PeerViews({ token, deadlineMs: VIEW_WITHIN_MS, keepsConnections: true });
  const kernels = new Kernels({ sources, views, nowMs });
  const judging = new Judging({
    ...options,
    clock,
    peers,
    kernels,
    self: () => sources.node,
    peerApis: () => sources.peerApis(),
    gather: ({ isHasty }) => gatherEvidence({ sources, rows, clock, isHasty }),
  });
  judging.start(chores);
  return {
    answer: (asked) => judging.answer(asked),
    get report() {
      return judging.report;
    },
    async [Symbol.asyncDispose]() {
      await judging[Symbol.asyncDispose]();
      views[Symbol.dispose]();
      await Promise.all([peers[Symbol.asyncDispose](), rows[Symbol.asyncDispose]()]);
    },
  };
}
