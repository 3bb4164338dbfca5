// Slots whose failures were told by somebody on the way: the path works as far as he is, and it is no loss. Kernels limit
// how many errors they send, so most of what is rejected may look lost.
import type { Steps } from "../../base/slices.ts";
import { pathName, type PathEvidence } from "../evidence/evidence.ts";
import { LATELY_SECONDS, isAllLost } from "../evidence/history.ts";
import type { Look } from "../locate/culprits.ts";

/** Of the probes that failed, the share that was rejected from which on all were. */
const REJECTED = 0.5;

/** By pair: 1 where probes are rejected. */
function rejectedSlots({ evidence, history }: Look, path: PathEvidence): Uint8Array {
  const rejected = new Uint8Array(evidence.pairs.count);
  const known = history.paths.get(pathName(path))?.rejected;
  for (let pair = 0; pair < rejected.length; pair++) {
    const blocked = path.blocked[pair]!;
    if ((blocked > 0 && blocked >= REJECTED * path.failures[pair]!) || known?.[pair] === 1) rejected[pair] = 1;
  }
  return rejected;
}

/**
 * By path and pair the same, and the other order where it loses everything: who rejects packets without regard to
 * connections rejects answers as well, and it is the one who answers that hears of it.
 */
export function* slotsWithoutLoss(look: Look): Steps<Uint8Array[]> {
  const { evidence, history, topology } = look;
  const leftOut: Uint8Array[] = [];
  for (const path of evidence.paths) {
    const rejected = rejectedSlots(look, path);
    leftOut.push(rejected);
    yield;
    const kept = history.paths.get(pathName(path));
    if (!kept || !rejected.includes(1)) continue;
    const others: number[] = [];
    for (let edge = 0; edge < topology.edges; edge++) {
      const [there, back] = [topology.there[edge]!, topology.back[edge]!];
      if (there < 0 || back < 0 || rejected[there] === rejected[back]) continue;
      const other = rejected[there] === 1 ? back : there;
      if (isAllLost(kept, other, history.now)) others.push(other);
    }
    for (const other of others) rejected[other] = 1;
    yield;
  }
  return leftOut;
}

/** What slots without loss have lost so far is none afterwards either. */
export function* forgetRejected(look: Look): Steps<void> {
  const { evidence, history } = look;
  for (const [p, isWithoutLoss] of (yield* slotsWithoutLoss(look)).entries()) {
    const slots: number[] = [];
    for (let pair = 0; pair < isWithoutLoss.length; pair++) if (isWithoutLoss[pair] === 1) slots.push(pair);
    history.forget(evidence.paths[p]!, slots, history.now - LATELY_SECONDS);
    yield;
  }
}
