// The detection floor: the least loss of a node, both ways, that is found in 999 of 1,000 trials, by mesh size and
// window: the lowest step of a ladder at which no more than one trial of a thousand was missed. With fewer trials none
// may be.
import { runTrial } from "../sim/trial.ts";
import { nodeLoses } from "../sim/scenarios.ts";
import { table } from "./table.ts";

/** Steps of a quarter more. */
const LADDER = Array.from({ length: 24 }, (_, i) => 0.0005 * 1.25 ** i);

export interface FloorOptions {
  readonly nodes: readonly number[];
  readonly windows: readonly number[];
  readonly trials: number;
  readonly udpEvery: readonly number[];
}

export function floorTable({ nodes, windows, trials, udpEvery }: FloorOptions): string {
  const rows = nodes.flatMap((n) =>
    udpEvery.map((every) => [
      `${n}`,
      `${every} s`,
      ...windows.map((w) => floorOf({ nodes: n, within: w, every, trials })),
    ]),
  );
  const text = table(["nodes", "UDP every", ...windows.map((w) => `found in ${w} s`)], rows);
  return `${text}\n${trials} trials for each loss, of which ${Math.floor(trials / 1000)} may be missed\n`;
}

interface Asked {
  readonly nodes: number;
  readonly within: number;
  readonly every: number;
  readonly trials: number;
}

/** By halving: where one trial is missed the floor lies above. */
function floorOf(asked: Asked): string {
  let [low, high] = [0, LADDER.length];
  while (low < high) {
    const at = (low + high) >> 1;
    if (isAlwaysFound(LADDER[at]!, asked)) high = at;
    else low = at + 1;
  }
  return low === LADDER.length ? "–" : `${(LADDER[low]! * 100).toFixed(2)} %`;
}

function isAlwaysFound(loss: number, { nodes, within, every, trials }: Asked): boolean {
  const fault = nodeLoses(loss, "both ways");
  const most = trials / 1000;
  let missed = 0;
  for (let seed = 1; seed <= trials; seed++) {
    const { isFound } = runTrial({
      kind: "proof",
      nodes,
      seed: 50_000 + seed,
      fault,
      withinSeconds: within,
      udpEvery: every,
      stopsWhenFound: true,
    });
    if (!isFound && ++missed > most) return false;
  }
  return true;
}
