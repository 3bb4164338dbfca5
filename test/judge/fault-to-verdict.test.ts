// From a fault to the verdict on a fake clock: a simulated mesh of nine nodes, and a judge that decides itself when to
// look. Fetching takes no time here; `npm run test:live` has real agents.
import { expect, test } from "vitest";
import { Judging } from "../../agent/judge/judging.ts";
import { CODES } from "../../agent/diagnosis/catalogue/codes.ts";
import { SimMesh } from "../diagnosis/sim/mesh.ts";
import { tuningRandom, whole } from "../diagnosis/sim/random.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { placeOf } from "../support/finding-names.ts";

const NODES = Array.from({ length: 9 }, (_, i) => ({ name: `node-${i + 1}`, zone: "abc"[i % 3]! }));
const TRIALS = 6;
const WITHIN_S = 120;
const BASE_LOSS = 3e-5;
/** Losses are drawn in blocks of five seconds. */
const BLOCK_S = 5;

interface Kind {
  readonly what: string;
  readonly crosses: (from: number, to: number, victim: number) => boolean;
  readonly chance: number;
  readonly network?: "pod";
  /** The victim's own row does not come. */
  readonly isSilent?: boolean;
  readonly subject: (victim: number) => string;
  /** With a look every ten seconds only it would be 12 to 15, and 20 for a group, which must be seen twice. */
  readonly longestS: number;
}

const node = (victim: number): string => NODES[victim]!.name;
/** The other end of a link that is cut: never the judge. */
const OTHER = 8;
/** One of each zone, as behind one switch. */
const group = (victim: number): readonly number[] => (victim % 2 === 0 ? [1, 5, 6] : [3, 2, 7]);
const KINDS: readonly Kind[] = [
  {
    what: "a node killed or cut off",
    crosses: (from, to, victim) => from === victim || to === victim,
    chance: 1,
    isSilent: true,
    subject: node,
    longestS: 10,
  },
  {
    what: "a node that loses half, one way",
    crosses: (from, _, victim) => from === victim,
    chance: 0.5,
    subject: node,
    longestS: 10,
  },
  {
    what: "two nodes cut off from each other",
    crosses: (from, to, victim) => (from === victim && to === OTHER) || (from === OTHER && to === victim),
    chance: 1,
    subject: (victim) => `${node(victim)},${node(OTHER)}`,
    longestS: 10,
  },
  {
    what: "a hidden group that loses half",
    crosses: (from, to, victim) => group(victim).includes(from) && !group(victim).includes(to),
    chance: 0.5,
    subject: (victim) => group(victim).map(node).toSorted().join(),
    longestS: 13,
  },
  {
    what: "the pod network of a node",
    crosses: (from, to, victim) => from === victim || to === victim,
    chance: 1,
    network: "pod",
    isSilent: true,
    subject: node,
    longestS: 10,
  },
];

interface Trial {
  readonly seconds: number;
  readonly wrong: readonly string[];
}

async function trial(kind: Kind, seed: number): Promise<Trial> {
  const random = tuningRandom(seed);
  const mesh = new SimMesh({ nodes: NODES, random });
  const clock = new FakeClock({ startNs: whole(random, 5, 15) * 1e9 });
  let failures = 0;
  const judging = new Judging({
    clock,
    self: () => NODES[0]!,
    isServing: () => true,
    peerApis: () => [],
    gather: async () => mesh.evidence(),
    failures: () => failures,
    peers: { isAlive: async () => false, verdict: async () => undefined, findings: async () => undefined },
    log: {
      info: () => {},
      error: ({ err }: { readonly err?: unknown }) => {
        throw err;
      },
    },
  });
  await judging.look();
  const second = async (): Promise<void> => {
    clock.advanceMs(1_000);
    mesh.advance(1);
    failures += lostJustNow(mesh);
    await judging.watch();
  };
  mesh.sources.push({ edges: mesh.directed(() => true), chance: () => BASE_LOSS, most: BASE_LOSS });
  for (let i = 0; i < 30; i++) {
    clock.advanceMs(10_000);
    mesh.advance(10);
    await judging.judge();
  }
  // The next look is not always in the same second.
  for (let i = whole(random, 1, 2) * BLOCK_S; i > 0; i--) await second();
  const victim = whole(random, 1, OTHER - 1);
  const begins = mesh.second + whole(random, 0, 9);
  const edges = mesh.directed((from, to) => kind.crosses(from, to, victim));
  const { chance, network } = kind;
  mesh.sources.push({ edges, chance: () => chance, most: chance, begins, ...(network && { network }) });
  const wrong = new Set<string>();
  for (;;) {
    if (kind.isSilent === true && mesh.second >= begins) mesh.silentUntil.set(victim, mesh.second + 2);
    await second();
    const { findings } = judging.report!.latest!;
    const named = findings.map(({ code, subject }) => ({ code, subject: placeOf(subject) }));
    for (const { code, subject } of named) if (subject !== kind.subject(victim)) wrong.add(`${code} ${subject}`);
    const isFound = named.some(({ code, subject }) => CODES[code].isLoss && subject === kind.subject(victim));
    if (isFound || mesh.second - begins > WITHIN_S) return { seconds: mesh.second - begins, wrong: [...wrong] };
  }
}

/** What the first node's probes have lost in the youngest second. */
function lostJustNow(mesh: SimMesh): number {
  let lost = 0;
  for (const { lostSeconds } of mesh.evidence().paths)
    for (let slot = 0; slot < mesh.pairs; slot++)
      if (mesh.source[slot] === 0) lost += (lostSeconds!.bits[slot * 2 + 1]! >>> 27) & 1;
  return lost;
}

const share = (sorted: readonly number[], part: number): number => sorted[Math.ceil(part * sorted.length) - 1]!;

test.each(KINDS)("$what is named within $longestS seconds, and nothing else is", async (kind) => {
  const trials: Trial[] = [];
  for (let i = 0; i < TRIALS; i++) trials.push(await trial(kind, 100 + i));
  const seconds = trials.map((t) => t.seconds).sort((a, b) => a - b);
  process.stdout.write(
    `${kind.what}: p50 ${share(seconds, 0.5)} s, longest ${seconds.at(-1)} s of ${TRIALS} (simulated)\n`,
  );
  expect(trials.flatMap(({ wrong }) => wrong)).toEqual([]);
  expect(seconds.at(-1)).toBeLessThanOrEqual(kind.longestS);
});
