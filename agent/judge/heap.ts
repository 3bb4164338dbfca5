// A judgement makes more garbage in a second than an agent does in minutes. The image starts Node.js with
// --optimize-for-size, under which the heap hardly grows: a judgement of a large mesh then collects all of it dozens of
// times, which makes the longest pauses in probing. The two agents that judge may grow theirs;
// --max-old-space-size, which the chart sets by the memory limit, bounds it all the same.
import { setFlagsFromString } from "node:v8";

const FLAG = "optimize-for-size";
/** Who starts Node.js otherwise has chosen otherwise. */
const isFrugal = process.execArgv.includes(`--${FLAG}`);

/** V8 asks for the flag anew at each collection (`Heap::ShouldOptimizeForMemoryUsage`), so it may change at any time. */
export function letHeapGrow(isJudging: boolean): void {
  if (isFrugal) setFlagsFromString(isJudging ? `--no-${FLAG}` : `--${FLAG}`);
}
