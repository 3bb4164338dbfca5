// The detection floor: the least loss of a node, both ways, that is found in 999 of 1,000 trials, by mesh size and
// window: the lowest step of a ladder at which no more than one trial of a thousand was missed. With fewer trials none
// may be.
import { runTrial } from "../sim/trial.ts";
import { nodeLoses } from "../sim/scenarios.ts";
import { floorOfPeers } from "../../../agent/diagnosis/floor.ts";
import { table } from "./table.ts";

/** Steps of a quarter more. */
const LADDER = Array.from({ length: 24 }, (_, i) => 0.0005 * 1.25 ** i);

export interface FloorOptions {
  readonly nodes: readonly number[];
  readonly windows: readonly number[];
  readonly trials: number;
  readonly udpEvery: readonly number[];
}

/** `told`: called with each figure as soon as it is known, since all of them take hours. */
export function floorTable({ nodes, windows, trials, udpEvery }: FloorOptions, told: (figure: string) => void): string {
  const rows = nodes.flatMap((n) =>
    udpEvery.map((every) => [
      `${n}`,
      `${every} s`,
      ...windows.map((within) => {
        const floor = floorOf({ nodes: n, within, every, trials });
        told(`${n} nodes, UDP every ${every} s, in ${within} s: ${floor}`);
        return floor;
      }),
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

/**
 * From where it should lie by the number of packets (agent/diagnosis/floor.ts) up or down the ladder: a loss that is far
 * below it is missed at once, and one far above it takes all trials for nothing.
 */
function floorOf(asked: Asked): string {
  const { inMinute, inFiveMinutes } = floorOfPeers(asked.nodes - 1);
  const expected = asked.within > 60 ? inFiveMinutes : inMinute;
  let at = Math.max(
    0,
    LADDER.findIndex((loss) => loss >= expected * 0.99),
  );
  if (isAlwaysFound(LADDER[at]!, asked)) {
    while (at > 0 && isAlwaysFound(LADDER[at - 1]!, asked)) at--;
    return percent(LADDER[at]!);
  }
  while (++at < LADDER.length) if (isAlwaysFound(LADDER[at]!, asked)) return percent(LADDER[at]!);
  return "–";
}

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;

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
