// One fault after the other in a mesh of nine nodes, as a lab breaks and repairs them: the next begins soon after the
// last is repaired, while what the last has lost is still remembered.
import { Judge } from "../../../agent/diagnosis/judge.ts";
import { Pace } from "../../../agent/judge/pace.ts";
import { CODES } from "../../../agent/diagnosis/catalogue/codes.ts";
import type { Finding } from "../../../agent/model/finding.ts";
import { nameOf, placeOf } from "../../support/finding-names.ts";
import { SimMesh } from "./mesh.ts";
import { tuningRandom, whole, type Random } from "./random.ts";

const NODES = Array.from({ length: 9 }, (_, i) => ({
  name: `node-${i + 1}`,
  zone: `zone-${"abc"[Math.floor(i / 3)]!}`,
}));
const BASE_LOSS = 3e-5;
const WATCHED_S = 300;
/** Losses are drawn in blocks of so many seconds. */
const BLOCK_S = 5;
const WITHIN_S = 120;
/** Nobody looks just when a second begins. */
const BETWEEN_SECONDS = 0.4;
/** A repair takes time: so long a fault stays after it was named. */
const STAYS_S = 10;
/** A fault of many steps is not there at once: between the first of a group's links and the last. */
const GROUP_SPREAD_S = 4;

/** Which directed links lose, how much, and who is to be named. */
interface Broken {
  readonly crosses: (from: number, to: number) => boolean;
  readonly chance: number;
  readonly subject: string;
  readonly network?: "pod";
  /** Whose row does not come; and whether it is another agent afterwards. */
  readonly silent?: number;
  readonly isKilled?: boolean;
  readonly spreadS?: number;
}

const name = (node: number): string => NODES[node]!.name;
const LAST = 8;
/** Never the judge. */
const victim = (random: Random): number => whole(random, 1, 7);
const GROUPS = [
  [1, 4, 7],
  [2, 5, 8],
  [2, 4, 8],
  [1, 5, 7],
];
const ZONES = [
  ["zone-a", "zone-b"],
  ["zone-a", "zone-c"],
  ["zone-b", "zone-c"],
] as const;

export const SUCCESSIVE = {
  "a node killed": (random) => {
    const v = victim(random);
    return { crosses: (a, b) => a === v || b === v, chance: 1, subject: name(v), silent: v, isKilled: true };
  },
  "a node cut off, its agent running": (random) => {
    const v = victim(random);
    return { crosses: (a, b) => a === v || b === v, chance: 1, subject: name(v), silent: v };
  },
  "a node that loses half, one way": (random) => {
    const v = victim(random);
    return { crosses: (a) => a === v, chance: 0.5, subject: name(v) };
  },
  "the pod network of a node": (random) => {
    const v = victim(random);
    return { crosses: (a, b) => a === v || b === v, chance: 1, subject: name(v), network: "pod", silent: v };
  },
  "two nodes cut off from each other": (random) => {
    const v = victim(random);
    return {
      crosses: (a, b) => (a === v && b === LAST) || (a === LAST && b === v),
      chance: 1,
      subject: `${name(v)},${name(LAST)}`,
    };
  },
  "half is lost between two zones": (random) => {
    const zones = ZONES[whole(random, 0, 2)]!;
    const [one, other] = zones;
    const isBetween = (a: number, b: number): boolean => NODES[a]!.zone === one && NODES[b]!.zone === other;
    return {
      crosses: (a, b) => isBetween(a, b) || isBetween(b, a),
      chance: 0.5,
      subject: `zone:${zones.join()}`,
    };
  },
  "a hidden group that loses half": (random) => {
    const members = GROUPS[whole(random, 0, 3)]!;
    return {
      crosses: (a, b) => members.includes(a) && !members.includes(b),
      chance: 0.5,
      subject: members.map(name).sort().join(),
      spreadS: GROUP_SPREAD_S,
    };
  },
  "a node that loses 5 %, one way": (random) => {
    const v = victim(random);
    return { crosses: (a) => a === v, chance: 0.05, subject: name(v) };
  },
  "a node that loses 2 %, one way": (random) => {
    const v = victim(random);
    return { crosses: (a) => a === v, chance: 0.02, subject: name(v) };
  },
} as const satisfies Readonly<Record<string, (random: Random) => Broken>>;
export type FaultName = keyof typeof SUCCESSIVE;

export interface Named {
  readonly fault: FaultName;
  readonly subject: string;
  /** From the first of its links that broke; undefined: not in time. */
  readonly seconds: number | undefined;
  /** What else was opened while it was there. */
  readonly wrong: readonly string[];
}

/** `gapS`: seconds from a repair to the next fault, drawn between the two. `waitsForEnd`: and until nothing is open any more. */
export function runSuccession(
  faults: readonly FaultName[],
  {
    seed,
    gapS,
    waitsForEnd = false,
  }: { readonly seed: number; readonly gapS: readonly [number, number]; readonly waitsForEnd?: boolean },
): Named[] {
  const random = tuningRandom(seed);
  const mesh = new SimMesh({ nodes: NODES, random });
  mesh.sources.push({ edges: mesh.directed(() => true), chance: () => BASE_LOSS, most: BASE_LOSS });
  const judge = new Judge();
  const pace = new Pace(0);
  let findings: readonly Finding[] = [];
  const second = (onOpen: (finding: Finding) => void = () => {}): void => {
    mesh.advance(1);
    if (!pace.isDue(mesh.second * 1_000)) return;
    pace.begins(mesh.second * 1_000);
    ({ findings } = judge.judge({ ...mesh.evidence(), atSeconds: mesh.second + BETWEEN_SECONDS }));
    if (judge.isWorthAnotherLook) pace.hurry(mesh.second * 1_000);
    for (const finding of findings) onOpen(finding);
  };
  for (let i = 0; i < WATCHED_S; i++) second();
  const results: Named[] = [];
  let last: Broken | undefined;
  for (const fault of faults) {
    let broken: Broken;
    do broken = SUCCESSIVE[fault](random);
    while (broken.subject === last?.subject);
    for (let left = whole(random, ...gapS); left > 0; left--) second();
    if (waitsForEnd) while (findings.length > 0) second();
    const begins = (Math.floor(mesh.second / BLOCK_S) + 1) * BLOCK_S + whole(random, 0, BLOCK_S - 1);
    const { crosses, chance, network, subject, silent, spreadS = 0 } = broken;
    const edges = mesh.directed(crosses);
    const own = [...edges].map((edge, i) => ({
      edges: Int32Array.of(edge),
      chance: () => chance,
      most: chance,
      begins: begins + Math.floor((i * spreadS) / edges.length),
      ends: Number.POSITIVE_INFINITY,
      ...(network && { network }),
    }));
    mesh.sources.push(...own);
    const open = new Set(findings.map(({ id }) => id));
    const wrong = new Set<string>();
    let seconds: number | undefined;
    let stays = 0;
    while (stays < STAYS_S && mesh.second - begins < WITHIN_S) {
      if (seconds !== undefined) stays++;
      if (silent !== undefined && mesh.second >= begins) mesh.silentUntil.set(silent, mesh.second + 2);
      second((finding) => {
        if (CODES[finding.code].isLoss && placeOf(finding.subject) === subject) seconds ??= mesh.second - begins;
        else if (!open.has(finding.id)) wrong.add(nameOf(finding));
      });
    }
    for (const source of own) source.ends = mesh.second;
    if (silent !== undefined && broken.isKilled) mesh.startedAt[silent] = mesh.second;
    results.push({ fault, subject, seconds, wrong: [...wrong] });
    last = broken;
  }
  return results;
}
