// One trial: a world, a fault, a judge that looks when an agent would, and what became of it.
import { Judge } from "../../../agent/diagnosis/judge.ts";
import { Pace } from "../../../agent/judge/pace.ts";
import type { Direction, Finding, Verdict } from "../../../agent/model/finding.ts";
import { isPairOf, type Fault } from "./scenarios.ts";
import { whole } from "./random.ts";
import { makeWorld, pairName, type World, type WorldOptions } from "./worlds.ts";

/** A fault begins anywhere between two looks in turn. */
const EVERY = 10;
const MINUTE = 60;
/** Before the fault the judge has watched for so long. */
const WATCHED_MINUTES = 5;

export interface TrialOptions extends WorldOptions {
  readonly fault: Fault;
  /** From the first lost packet. */
  readonly withinSeconds: number;
  /** For who only asks whether it is found. */
  readonly stopsWhenFound?: boolean;
}

export interface TrialResult {
  /** Every right answer was given in time. */
  readonly isFound: boolean;
  /** Seconds from the first lost packet until all were. */
  readonly foundAfter: number | undefined;
  /** Packets that the fault took until then, or in all the time that there was. */
  readonly lost: number;
  /** Findings that were open at any time and were right, and that were wrong. */
  readonly right: number;
  readonly wrong: readonly string[];
  readonly directionClaims: number;
  readonly rightClaims: number;
  readonly judgements: number;
  readonly cpuMs: number;
}

export function runTrial(options: TrialOptions): TrialResult {
  const world = makeWorld(options);
  const { mesh, random } = world;
  const watch = new Watch(world);
  for (let minute = 0; minute < WATCHED_MINUTES; minute++) {
    mesh.advance(MINUTE);
    watch.look();
  }
  mesh.watchFrom = mesh.sources.length;
  const { sources, truths } = options.fault(world, mesh.second + whole(random, 0, EVERY - 1));
  mesh.sources.push(...sources);
  const found = truths.map(() => false);
  const right = new Set<string>();
  const wrong = new Map<string, string>();
  const claims = new Map<string, boolean>();
  let foundAfter: number | undefined;
  const before = watch.cost;
  for (;;) {
    watch.wait();
    const since = mesh.second - mesh.firstLoss;
    if (since > options.withinSeconds || mesh.second > 1e7) break;
    for (const finding of watch.look().findings) {
      const truth = truths.findIndex(({ isRight }) => isRight(finding));
      const known = truths[truth];
      if (known) {
        found[truth] = true;
        right.add(finding.id);
        if (known.direction && finding.direction)
          claims.set(finding.id, finding.direction === directionFor(finding, known.direction, world));
      } else if (!truths.some(({ isAcceptable }) => isAcceptable?.(finding)) && !isNoise(finding, world)) {
        wrong.set(finding.id, describe(finding));
      }
    }
    if (foundAfter === undefined && found.every(Boolean)) foundAfter = since;
    if (foundAfter !== undefined && options.stopsWhenFound === true) break;
  }
  const until = mesh.firstLoss + (foundAfter ?? options.withinSeconds);
  return {
    isFound: foundAfter !== undefined,
    foundAfter,
    lost: mesh.watchedLosses.filter((second) => second < until).length,
    right: right.size,
    wrong: [...wrong.values()],
    directionClaims: claims.size,
    rightClaims: [...claims.values()].filter(Boolean).length,
    judgements: watch.cost.judgements - before.judgements,
    cpuMs: watch.cost.cpuMs - before.cpuMs,
  };
}

/** A judge that looks at a world as an agent does: every ten seconds, and sooner when losses have just begun. */
class Watch {
  readonly #world: World;
  readonly #judge = new Judge();
  readonly #pace = new Pace(0);
  cost = { judgements: 0, cpuMs: 0 };

  constructor(world: World) {
    this.#world = world;
  }

  /** Until the next look. */
  wait(): void {
    const { mesh } = this.#world;
    do {
      mesh.advance(1);
      if (mesh.second % EVERY === 0) this.#world.disturb();
    } while (!this.#pace.isDue(mesh.second * 1_000));
  }

  look(): Verdict {
    const { mesh } = this.#world;
    const nowMs = mesh.second * 1_000;
    this.#pace.begins(nowMs);
    const evidence = mesh.evidence();
    const before = process.cpuUsage();
    const verdict = this.#judge.judge(evidence);
    const { user, system } = process.cpuUsage(before);
    this.cost = { judgements: this.cost.judgements + 1, cpuMs: this.cost.cpuMs + (user + system) / 1000 };
    if (this.#judge.isWorthAnotherLook) this.#pace.hurry(nowMs);
    return verdict;
  }
}

/** Faults lose on the way out of their victim; of a pair, from its first node to its second, whichever comes first by name. */
function directionFor(finding: Finding, direction: Direction, { mesh }: World): Direction {
  if (finding.subject.kind !== "pair" || direction === "both") return direction;
  const last = mesh.sources.at(-1)!.edges[0]!;
  return mesh.from[last]! < mesh.to[last]! ? "out" : "in";
}

export const isNoise = (finding: Finding, { noisy }: World): boolean =>
  isPairOf(finding, (a, b) => noisy.has(pairName(a, b)));

export function describe({ code, subject, figures, confidence, scope }: Finding): string {
  const names = subject.kind === "group" ? subject.nodes.join() : JSON.stringify(Object.values(subject).slice(1));
  return `${code} ${names} ${JSON.stringify(scope)} loss ${(figures.loss ?? 0).toFixed(4)} confidence ${confidence.toFixed(3)}`;
}

export interface CalmResult {
  readonly minutes: number;
  readonly findings: readonly string[];
  readonly cpuMs: number;
  readonly judgements: number;
}

/** A mesh without a fault, for so many minutes. */
export function runCalm(options: WorldOptions & { readonly minutes: number }): CalmResult {
  const world = makeWorld({ ...options, isEventful: true });
  const { mesh } = world;
  const watch = new Watch(world);
  const findings = new Map<string, string>();
  const ends = mesh.second + options.minutes * MINUTE;
  while (mesh.second < ends) {
    watch.wait();
    for (const finding of watch.look().findings) {
      if (!isNoise(finding, world)) findings.set(finding.id, describe(finding));
    }
  }
  return {
    minutes: options.minutes,
    findings: [...findings].map(([id, text]) => `${id}: ${text}`),
    ...watch.cost,
  };
}
