// Faults whose verdict is timed, in a lab of nine nodes and three zones. Each trial breaks something else, and never the
// first node, which is asked.
export interface Kind {
  readonly what: string;
  readonly faults: (turn: number) => readonly string[];
  /** As told of it: a node, both ends of a pair, both zones, or the members of a group. */
  readonly subject: (turn: number) => string;
  /** Loses half or more. */
  readonly isHeavy: boolean;
}

export const LIVE_MESH = { nodes: 9, zones: 3 } as const;
export const ASKED = "node-1";

/** Of the second node to the eighth. */
const node = (turn: number): string => `node-${2 + (turn % 7)}`;
const LAST = "node-9";
const one = (fault: (turn: number) => string) => (turn: number) => [fault(turn)];

/** One of each zone, as behind one switch; the rest is of all zones too. */
const GROUPS = [
  ["node-2", "node-5", "node-8"],
  ["node-3", "node-6", "node-9"],
  ["node-3", "node-5", "node-9"],
  ["node-2", "node-6", "node-8"],
] as const;
const group = (turn: number) => GROUPS[turn % GROUPS.length]!;
const outside = (members: readonly string[]): string[] =>
  Array.from({ length: LIVE_MESH.nodes }, (_, i) => `node-${i + 1}`).filter((name) => !members.includes(name));

const ZONES = [
  ["zone-a", "zone-b"],
  ["zone-a", "zone-c"],
  ["zone-b", "zone-c"],
] as const;
const zones = (turn: number) => ZONES[turn % ZONES.length]!;

export const KINDS: readonly Kind[] = [
  { what: "a node killed", faults: one((i) => `kill ${node(i)}`), subject: node, isHeavy: true },
  {
    what: "a node cut off, its agent running",
    faults: one((i) => `drop ${node(i)}<->all`),
    subject: node,
    isHeavy: true,
  },
  {
    what: "a node that loses half, one way",
    faults: one((i) => `loss ${node(i)}->all 50%`),
    subject: node,
    isHeavy: true,
  },
  {
    what: "the pod network of a node",
    faults: one((i) => `drop ${node(i)}<->all on pod`),
    subject: node,
    isHeavy: true,
  },
  {
    what: "two nodes cut off from each other",
    faults: one((i) => `drop ${node(i)}<->${LAST}`),
    subject: (i) => `${node(i)},${LAST}`,
    isHeavy: true,
  },
  {
    what: "half is lost between two zones",
    faults: one((i) => `loss ${zones(i).join("<->")} 50%`),
    subject: (i) => `zone:${zones(i).join()}`,
    isHeavy: true,
  },
  {
    what: "a hidden group that loses half",
    faults: one((i) => `loss ${group(i).join()}->${outside(group(i)).join()} 50%`),
    subject: (i) => [...group(i)].sort().join(),
    isHeavy: true,
  },
  {
    what: "a node that loses 5 %, one way",
    faults: one((i) => `loss ${node(i)}->all 5%`),
    subject: node,
    isHeavy: false,
  },
  {
    what: "a node that loses 2 %, one way",
    faults: one((i) => `loss ${node(i)}->all 2%`),
    subject: node,
    isHeavy: false,
  },
];
