// A verdict from one snapshot, where no judge can be asked. It sees one minute and has no memory.
import type { Verdict } from "../model/finding.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { evidenceFromSnapshot } from "./evidence/from-snapshot.ts";
import { Judge } from "./judge.ts";

/** More than two judgements in a row, which rows of a minute stand for; less than an agent takes to restart. */
export const ROWS_STAND_FOR_SECONDS = 30;

export const judgeSnapshot = (snapshot: Snapshot): Verdict =>
  new Judge({ seenBeforeSeconds: ROWS_STAND_FOR_SECONDS }).judge(evidenceFromSnapshot(snapshot));
