// A shared uplink that drops in bursts hits some of its nodes in one burst and others in the next.
import { expect, test } from "vitest";
import { BARS } from "../diagnosis/bars/rows.ts";
import { runTrial } from "../diagnosis/sim/trial.ts";

const { fault, withinSeconds } = BARS.find(({ name }) => name === "shared uplink that drops in bursts")!;

// In each of these worlds a part of the group was named first, or one of its nodes alone.
test.each([950_001, 950_015, 950_018, 960_017, 960_029])(
  "what a few bursts show of a shared uplink is not named before another one shows the same (seed %i)",
  (seed) => {
    const { isFound, wrong } = runTrial({ kind: "proof", nodes: 30, seed, fault, withinSeconds });
    expect(wrong).toEqual([]);
    expect(isFound).toBe(true);
  },
);
