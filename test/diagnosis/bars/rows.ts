// The bars: what must be found, in meshes of which size, within how many seconds of the first lost packet, and how
// often. Figures of docs/detection.md come from these.
import {
  burstyUplink,
  groupLoses,
  nodeAndGroup,
  nodeLoses,
  pairLoses,
  pathLoses,
  zoneLoses,
  zonePairLoses,
  type Fault,
} from "../sim/scenarios.ts";

export interface Bar {
  readonly name: string;
  readonly fault: Fault;
  readonly nodes: readonly number[];
  readonly withinSeconds: number;
  /** Least share of trials in which it was found, and of findings that were right. */
  readonly recall: number;
  readonly precision: number;
  /** Sizes at which figures are told without a bar. */
  readonly reported?: readonly number[];
}

const WIDE = [12, 30, 100, 1000];
const MOST = 0.97;
const usual = { nodes: WIDE, recall: MOST, precision: MOST };
const ofThree = { nodes: [3], withinSeconds: 300, recall: 0, precision: MOST };

export const BARS: readonly Bar[] = [
  { ...usual, name: "node 1 %, one way", fault: nodeLoses(0.01, "one way"), withinSeconds: 60 },
  { ...usual, name: "node 1 %, both ways", fault: nodeLoses(0.01, "both ways"), withinSeconds: 60 },
  { ...usual, name: "node 1 %, one way", fault: nodeLoses(0.01, "one way"), nodes: [5, 8], withinSeconds: 180 },
  { ...usual, name: "node 1 %, both ways", fault: nodeLoses(0.01, "both ways"), nodes: [5, 8], withinSeconds: 180 },
  // With three nodes, "between a and b" or the node, in its own time, and never a wrong one.
  { ...ofThree, name: "node 1 %, one way", fault: nodeLoses(0.01, "one way") },
  { ...ofThree, name: "node 1 %, both ways", fault: nodeLoses(0.01, "both ways") },
  { ...usual, name: "node 0.5 %, one way", fault: nodeLoses(0.005, "one way"), withinSeconds: 300 },
  { ...usual, name: "node 5 %, one way", fault: nodeLoses(0.05, "one way"), withinSeconds: 20 },
  { ...usual, name: "hidden group 1 %, both ways", fault: groupLoses(0.01, "both ways"), withinSeconds: 60 },
  { ...usual, name: "hidden group 1 %, one way", fault: groupLoses(0.01, "one way"), withinSeconds: 300 },
  { ...usual, name: "two zones 0.5 %, one way", fault: zonePairLoses(0.005, "one way"), withinSeconds: 60 },
  { ...usual, name: "two zones 0.5 %, both ways", fault: zonePairLoses(0.005, "both ways"), withinSeconds: 60 },
  // What two zones are told apart from.
  { ...usual, name: "zone 0.5 %, one way", fault: zoneLoses(0.005, "one way"), withinSeconds: 60 },
  { ...usual, name: "zone 0.5 %, both ways", fault: zoneLoses(0.005, "both ways"), withinSeconds: 60 },
  // Two zones of two nodes lose six packets a minute at this rate, which takes longer.
  {
    ...usual,
    name: "two smallest zones 0.5 %, one way",
    fault: zonePairLoses(0.005, "one way", "smallest"),
    nodes: [12],
    withinSeconds: 180,
  },
  {
    ...usual,
    name: "pair 5 %, both ways",
    fault: pairLoses(0.05, "both ways"),
    nodes: [3, 5, 8, 12, 30, 100],
    withinSeconds: 60,
  },
  { ...usual, name: "pair 5 %, sampled", fault: pairLoses(0.05, "both ways"), nodes: [1000], withinSeconds: 300 },
  {
    ...usual,
    name: "pair 5 %, one way",
    fault: pairLoses(0.05, "one way"),
    nodes: [3, 5, 8, ...WIDE],
    withinSeconds: 300,
  },
  { name: "1 of 2 paths of a pair", fault: pathLoses("pair", 2), ...paths([3, 5, 8, ...WIDE]) },
  { name: "1 of 4 paths of a pair", fault: pathLoses("pair", 4), ...paths([3, 5, 8, ...WIDE]) },
  { name: "1 of 2 paths of two zones", fault: pathLoses("zones", 2), ...paths([5, 8, ...WIDE]) },
  { name: "1 of 4 paths of two zones", fault: pathLoses("zones", 4), ...paths([5, 8, ...WIDE]) },
  { name: "1 of 4 paths of a group", fault: pathLoses("rack", 4), ...paths([5, 8, ...WIDE]) },
  {
    name: "node 5 % and group 2 % at once",
    fault: nodeAndGroup,
    nodes: WIDE,
    reported: [1000],
    withinSeconds: 300,
    recall: 0.9,
    precision: 0.9,
  },
  // Independence is broken: whether it is found is reported, a false culprit is not allowed.
  {
    name: "shared uplink that drops in bursts",
    fault: burstyUplink,
    nodes: [5, 8, ...WIDE],
    withinSeconds: 300,
    recall: 0,
    precision: MOST,
  },
];

function paths(nodes: readonly number[]) {
  return { nodes, withinSeconds: 300, recall: 0.95, precision: 0.95 };
}
