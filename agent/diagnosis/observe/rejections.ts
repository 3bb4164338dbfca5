// Slots whose failures were told by somebody on the way: the path works as far as he is, and it is no loss. Kernels limit
// how many errors they send, so most of what is rejected may look lost.
import { pathName } from "../evidence/evidence.ts";
import { LATELY_SECONDS, isAllLost } from "../evidence/history.ts";
import type { Look } from "../locate/culprits.ts";

/** Of the probes that failed, the share that was rejected from which on all were. */
const REJECTED = 0.5;

/** By path and pair: 1 where probes are rejected. */
const rejectedSlots = ({ evidence, history }: Look): Uint8Array[] =>
  evidence.paths.map((path) => {
    const rejected = new Uint8Array(evidence.pairs.count);
    const known = history.paths.get(pathName(path))?.rejected;
    for (let pair = 0; pair < rejected.length; pair++) {
      const blocked = path.blocked[pair]!;
      if ((blocked > 0 && blocked >= REJECTED * path.failures[pair]!) || known?.[pair] === 1) rejected[pair] = 1;
    }
    return rejected;
  });

/**
 * The same, and the other order where it loses everything: who rejects packets without regard to connections rejects
 * answers as well, and it is the one who answers that hears of it.
 */
export function slotsWithoutLoss(look: Look): Uint8Array[] {
  const { evidence, history, topology } = look;
  return rejectedSlots(look).map((rejected, p) => {
    const path = evidence.paths[p]!;
    const kept = history.paths.get(pathName(path));
    if (!kept || !rejected.includes(1)) return rejected;
    const leftOut = rejected.slice();
    for (let edge = 0; edge < topology.edges; edge++) {
      const [there, back] = [topology.there[edge]!, topology.back[edge]!];
      if (there < 0 || back < 0 || rejected[there] === rejected[back]) continue;
      const other = rejected[there] === 1 ? back : there;
      if (isAllLost(kept, other, history.now)) leftOut[other] = 1;
    }
    return leftOut;
  });
}

/** What slots without loss have lost so far is none afterwards either. */
export function forgetRejected(look: Look): void {
  const { evidence, history } = look;
  for (const [p, isWithoutLoss] of slotsWithoutLoss(look).entries()) {
    const slots = [...isWithoutLoss.keys()].filter((pair) => isWithoutLoss[pair] === 1);
    history.forget(evidence.paths[p]!, slots, history.now - LATELY_SECONDS);
  }
}
