// The last five minutes of every slot, second by second, as one bit each: lost something or not. Fed with the evidence
// of every judgement; the only memory that localisation needs. A row that does not tell its seconds is filled in from
// its counts, as lost since it was last heard. 50 bytes a slot and 80 more for UDP: 2.5 MB for 100 nodes, 6 MB for 1,000 sampled ones.
import type { Steps } from "../../base/slices.ts";
import { Absences } from "./absences.ts";
import { learnDelay } from "./delays.ts";
import {
  STEP,
  forgetSeconds,
  lostSeconds,
  moveRing,
  movedPath,
  nothingKept,
  type PathHistory,
} from "./path-history.ts";
import {
  SECONDS_TOLD,
  SECONDS_WORDS,
  isLate,
  pathName,
  type AgentEvidence,
  type Evidence,
  type PairList,
  type PathEvidence,
} from "./evidence.ts";
import { HISTORY_SECONDS, RING_SECONDS, RING_WORDS, countBits, isBitSet, orSeconds, ringMask, setBit } from "./ring.ts";

interface Heard {
  readonly incarnation: string;
  readonly ownSeconds: number;
  /** The judgement that had the row; this and what follows by the judge's clock. */
  readonly at: number;
  /** The youngest second that is known of the row. */
  readonly youngest: number;
  /** The last judgement in which it was no older than most. */
  readonly promptAt: number;
}

/** Whether this row is of the process that told the one before, and its clock has not gone back. */
const isSameLife = (before: Heard | undefined, { incarnation, ownSeconds }: AgentEvidence): before is Heard =>
  before?.incarnation === incarnation && ownSeconds >= before.ownSeconds;

interface Moment {
  /** The judge's clock. */
  readonly at: number;
  /** Until when most rows tell. */
  readonly now: number;
  /** So far the judge's clock has gone on before all of theirs. */
  readonly drift: number;
  /** When it was judged before. */
  readonly judgedBefore: number;
}

/** What is late in every judgement for so long, or later than any judge waits, is so by its clock. */
const ALWAYS_LATE_SECONDS = 60;
const MOST_LATE_SECONDS = 10;

/** So long without a row, and a judgement meanwhile, is a standstill. */
const STANDSTILL_SECONDS = 12;
/** And so long without a judgement is one of the judge itself. */
const NO_JUDGEMENT_SECONDS = 25;

export class History {
  /**
   * The youngest second that most rows tell, judge's clock. That of the last evidence itself, unless the judge waited
   * for others since these rows came.
   */
  now = 0;
  /** When it was judged last. */
  #judgedAt = 0;
  /** The last judgement that did not wait. */
  #promptAt = Number.NEGATIVE_INFINITY;
  /** Seconds of each node's row that are known, `RING_WORDS` a node, in the order of the last evidence. */
  covered: Uint32Array = new Uint32Array();
  /** What `coveredSeconds` has counted since. */
  readonly #counted = new Map<number, Uint16Array>();
  readonly paths = new Map<string, PathHistory>();
  #names: readonly string[] = [];
  #pairs: PairList = { count: 0, source: new Uint16Array(), destination: new Uint16Array() };
  #heard = new Map<string, Heard>();
  readonly #absences = new Absences();
  /** When each agent last told that it is late, by node name: of the minute before. */
  readonly #late = new Map<string, number>();

  *add(evidence: Evidence): Steps<void> {
    const at = Math.floor(evidence.atSeconds);
    const { now, drift } = this.#toldUntil(evidence, at);
    const names = evidence.nodes.map(({ node }) => node.name);
    if (!sameNames(names, this.#names) || !samePairs(evidence.pairs, this.#pairs))
      yield* this.#remap(names, evidence.pairs);
    yield;
    yield* this.#forget(now);
    const judgedBefore = this.#judgedAt;
    [this.now, this.#judgedAt] = [now, at];
    this.#counted.clear();
    yield;
    const unfinished = Float64Array.from(names, (name) => this.#heard.get(name)?.youngest ?? Number.NEGATIVE_INFINITY);
    const { fresh, youngest } = this.#cover(evidence, { at, now, drift, judgedBefore });
    const isSettling = Uint8Array.from(names, (name) => (this.#absences.has(name) ? 1 : 0));
    for (const path of evidence.paths) {
      const kept = this.#pathOf(path, evidence.pairs.count);
      const isYoung = Uint8Array.from(evidence.nodes, ({ agent }) =>
        (agent?.uptimeSeconds ?? 0) < SECONDS_TOLD ? 1 : 0,
      );
      yield* record(kept, path, { pairs: evidence.pairs, fresh, youngest, unfinished, isYoung, isSettling, now });
      yield;
    }
    yield* this.#absences.forget(evidence, { now, kept: this.paths });
    this.#rememberLate(evidence, now);
  }

  /** For how long the judge waited for other rows when most had come, in the judgement of the last evidence. */
  get waitedSeconds(): number {
    return this.#judgedAt - this.now;
  }

  /** Whether this agent got too little time at some moment since `second`, as it told itself. */
  wasLate(node: string, second: number): boolean {
    return (this.#late.get(node) ?? Number.NEGATIVE_INFINITY) >= second;
  }

  /** Of each node, how many of the last `seconds` of its row are known. */
  coveredSeconds(seconds: number): Uint16Array {
    let counted = this.#counted.get(seconds);
    if (!counted) {
      const mask = ringMask(this.now, seconds);
      counted = Uint16Array.from(this.#names, (_, node) => countBits(this.covered, node, mask));
      this.#counted.set(seconds, counted);
    }
    return counted;
  }

  /** Seconds with a loss among the last `seconds`, over all slots. */
  *lostIn(seconds: number): Steps<number> {
    const mask = ringMask(this.now, seconds);
    let sum = 0;
    for (const kept of this.paths.values()) {
      for (let pair = 0; pair < this.#pairs.count; pair++) sum += lostSeconds(kept, pair, mask);
      yield;
    }
    return sum;
  }

  /** What these pairs have lost on this path until `second` is over and told: it says nothing of what begins now. */
  forget(path: PathEvidence, pairs: readonly number[], second: number): void {
    const kept = this.paths.get(pathName(path));
    if (!kept) return;
    const keep = ringMask(this.now, Math.max(0, this.now - second));
    const lastMinute = ringMask(this.now, SECONDS_TOLD).map((word, w) => word & ~keep[w]!);
    for (const pair of pairs) {
      // What a row that tells no seconds still counts is no news.
      kept.forgottenLost[pair] = Math.min(
        SECONDS_TOLD,
        kept.forgottenLost[pair]! + countBits(kept.lost, pair, lastMinute),
      );
      for (let w = 0; w < RING_WORDS; w++) kept.lost[pair * RING_WORDS + w]! &= keep[w]!;
      kept.forgotten[pair] = Math.max(kept.forgotten[pair]!, second);
    }
  }

  #pathOf(path: PathEvidence, count: number): PathHistory {
    const name = pathName(path);
    let kept = this.paths.get(name);
    if (!kept) {
      kept = nothingKept(count, path.protocol === "udp");
      this.paths.set(name, kept);
    }
    return kept;
  }

  /** Seconds that begin now are empty; after a long pause, or when the clock went back, all are. */
  *#forget(now: number): Steps<void> {
    const elapsed = now - this.now;
    if (elapsed === 0) return;
    const all = elapsed < 0 || elapsed >= RING_SECONDS;
    const keep = all ? new Uint32Array(RING_WORDS) : ringMask(now, elapsed).map((word) => ~word);
    for (let i = 0; i < this.covered.length; i++) this.covered[i]! &= keep[i % RING_WORDS]!;
    yield;
    for (const kept of this.paths.values()) {
      yield* forgetSeconds(kept, keep);
      yield;
    }
    if (!all) return;
    this.#heard.clear();
    this.#late.clear();
  }

  /**
   * A judge may wait some seconds for one row when the others have come. Were their youngest seconds its own last ones,
   * they would lie later than in a judgement that waits for nobody, and leave a gap between both: two bursts.
   */
  #toldUntil({ nodes }: Evidence, at: number): { readonly now: number; readonly drift: number } {
    const behind = nodes
      .flatMap(({ node, agent }) => {
        const youngest = agent && this.#youngestOf(node.name, agent);
        return youngest === undefined ? [] : [Math.max(0, at - youngest)];
      })
      .sort((a, b) => a - b);
    const waited = behind[behind.length >>> 1] ?? 0;
    if (waited > 0 && waited <= MOST_LATE_SECONDS && at - this.#promptAt < ALWAYS_LATE_SECONDS)
      return { now: Math.max(at - waited, this.now), drift: 0 };
    this.#promptAt = at;
    return { now: at, drift: waited };
  }

  /** The youngest second of a row by how far its own clock has gone on; undefined of one that is new. */
  #youngestOf(name: string, agent: AgentEvidence): number | undefined {
    const before = this.#heard.get(name);
    return isSameLife(before, agent) ? before.youngest + agent.ownSeconds - before.ownSeconds : undefined;
  }

  /** Of each row, how many of its youngest seconds it had not told before, 0 for a missing one, and the youngest of them. */
  #cover(
    evidence: Evidence,
    { at, now, drift, judgedBefore }: Moment,
  ): { readonly fresh: Uint8Array; readonly youngest: Float64Array } {
    const fresh = new Uint8Array(evidence.nodes.length);
    const youngest = new Float64Array(evidence.nodes.length);
    const heard = new Map<string, Heard>();
    for (const [i, { node, agent }] of evidence.nodes.entries()) {
      const before = this.#heard.get(node.name);
      if (!agent) {
        if (before) heard.set(node.name, before);
        continue;
      }
      const { incarnation, ownSeconds } = agent;
      if (before?.incarnation !== incarnation && agent.uptimeSeconds < HISTORY_SECONDS)
        this.#absences.restarted(node.name, { start: at - Math.floor(agent.uptimeSeconds), heard: before?.at });
      const goesOn = isSameLife(before, agent);
      const isJudge = evidence.judge === i && at - judgedBefore > NO_JUDGEMENT_SECONDS;
      if (goesOn && at - before.at >= STANDSTILL_SECONDS && (before.at < judgedBefore || isJudge))
        this.#absences.wentOn(node.name, { heard: before.at, now: at });
      const moved = goesOn ? ownSeconds - before.ownSeconds : Math.ceil(agent.uptimeSeconds);
      fresh[i] = Math.min(SECONDS_TOLD, moved);
      const told = Math.min(at, (this.#youngestOf(node.name, agent) ?? now) + drift);
      const isLate =
        before !== undefined &&
        told < now &&
        told >= now - MOST_LATE_SECONDS &&
        before.at - before.promptAt < ALWAYS_LATE_SECONDS;
      youngest[i] = told < now && !isLate ? now : told;
      // It came after most others: the rest is told again with the next row.
      const rest = Math.max(0, youngest[i] - now);
      heard.set(node.name, {
        incarnation,
        ownSeconds: ownSeconds - rest,
        at,
        youngest: youngest[i] - rest,
        promptAt: isLate ? before.promptAt : at,
      });
      orSeconds(this.covered, i, { now: youngest[i] - rest, seconds: Math.max(0, fresh[i] - rest) });
    }
    this.#heard = heard;
    return { fresh, youngest };
  }

  #rememberLate({ nodes }: Evidence, now: number): void {
    for (const node of nodes) if (isLate(node)) this.#late.set(node.node.name, now);
    for (const [name, at] of this.#late) if (now - at > HISTORY_SECONDS) this.#late.delete(name);
  }

  *#remap(names: readonly string[], pairs: PairList): Steps<void> {
    const oldNode = new Map(this.#names.map((name, i) => [name, i]));
    const nodeFrom = names.map((name) => oldNode.get(name) ?? -1);
    const oldPair = new Map<number, number>();
    for (let i = 0; i < this.#pairs.count; i++) {
      oldPair.set(pairKey(this.#pairs.source[i]!, this.#pairs.destination[i]!), i);
      if (i % STEP === STEP - 1) yield;
    }
    const pairFrom = new Int32Array(pairs.count);
    for (let i = 0; i < pairs.count; i++) {
      const s = nodeFrom[pairs.source[i]!]!;
      const d = nodeFrom[pairs.destination[i]!]!;
      pairFrom[i] = s < 0 || d < 0 ? -1 : (oldPair.get(pairKey(s, d)) ?? -1);
      if (i % STEP === STEP - 1) yield;
    }
    const covered = new Uint32Array(names.length * RING_WORDS);
    yield* moveRing(this.covered, covered, nodeFrom);
    this.covered = covered;
    for (const [name, kept] of this.paths) this.paths.set(name, yield* movedPath(kept, pairFrom));
    this.#names = names;
    this.#pairs = { count: pairs.count, source: pairs.source.slice(), destination: pairs.destination.slice() };
  }
}

const pairKey = (source: number, destination: number): number => source * 65_536 + destination;

const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name, i) => name === b[i]);

function samePairs(a: PairList, b: PairList): boolean {
  if (a.count !== b.count) return false;
  for (let i = 0; i < a.count; i++)
    if (a.source[i] !== b.source[i] || a.destination[i] !== b.destination[i]) return false;
  return true;
}

/** Multiples of it lie as evenly between 0 and 1 as can be. */
const GOLDEN = 0.618034;

/** Three probes of those that are sent every five seconds. */
export const LATELY_SECONDS = 15;

/** Whether nothing was answered lately, as far as can be told by the second: some is told late. */
export function isAllLost(kept: PathHistory, pair: number, now: number): boolean {
  const probes = (kept.perMinute[pair]! * LATELY_SECONDS) / 60;
  return probes > 0 && lostSeconds(kept, pair, ringMask(now, LATELY_SECONDS)) >= MOSTLY * probes;
}

const MOSTLY = 0.6;

interface Recording {
  readonly pairs: PairList;
  readonly fresh: Uint8Array;
  /** The youngest second that each row tells, by the judge's clock. */
  readonly youngest: Float64Array;
  /** That of the row before, as far as it was taken over: it was not over then, and has lost more since. */
  readonly unfinished: Float64Array;
  /** Nodes whose agent has not run for a minute: it has not done all the probes of a minute. */
  readonly isYoung: Uint8Array;
  /** Nodes that have restarted within the last minute: how much of that a row counts that tells no seconds is not known. */
  readonly isSettling: Uint8Array;
  readonly now: number;
}

function* record(
  kept: PathHistory,
  path: PathEvidence,
  { pairs, fresh, youngest, unfinished, isYoung, isSettling, now }: Recording,
): Steps<void> {
  const lastMinute = ringMask(now, SECONDS_TOLD);
  const { lostSeconds, failures, retransmits } = path;
  for (let pair = 0; pair < pairs.count; pair++) {
    if (pair % STEP === STEP - 1) yield;
    const source = pairs.source[pair]!;
    const news = fresh[source]!;
    const told = youngest[source]!;
    const probes = Math.min(SECONDS_TOLD, path.probes[pair]!);
    if (probes > 0 && kept.first[pair] === Number.POSITIVE_INFINITY) kept.first[pair] = Math.min(now, told) - news;
    if (probes > kept.perMinute[pair]! || isYoung[source] === 0) kept.perMinute[pair] = probes;
    if (news > 0) learnDelay(kept, pair, path.rttMinNs[pair]!);
    const lost = failures[pair]! + retransmits[pair]!;
    if (lost === 0) kept.rejected[pair] = 0;
    if (lost === 0 || news === 0) continue;
    kept.hasLost[pair] = 1;
    if (now - kept.forgotten[pair]! >= SECONDS_TOLD) kept.forgottenLost[pair] = 0;
    const over = kept.forgottenLost[pair]!;
    const isTold = lostSeconds?.told[pair] === 1;
    // Older agents tell no second of a SYN that was sent again.
    kept.guessed[pair] = isTold || failures[pair] === 0 ? 0 : 1;
    if (isTold) {
      const { bits } = lostSeconds;
      copySeconds(kept.lost, pair, { bits, news, youngest: told, now });
      const before = unfinished[source]!;
      const isKept = before > now - RING_SECONDS && before > kept.forgotten[pair]!;
      if (isKept && isToldLost(bits, pair, news)) setBit(kept.lost, pair, before);
    } else if (isSettling[source] === 0 && isSettling[pairs.destination[pair]!] === 0)
      guessSeconds(kept.lost, pair, {
        count: lost - countBits(kept.lost, pair, lastMinute) - over,
        news,
        now: Math.min(now, told),
      });
    const isRejected = path.blocked[pair]! > 0 || kept.rejected[pair] === 1;
    kept.rejected[pair] = isRejected && isAllLost(kept, pair, now) ? 1 : 0;
    if (!kept.forward || !kept.reverse || !(path.lostForward[pair]! + path.lostReverse[pair]! > 0)) continue;
    const claim = { lost: kept.lost, taken: [kept.forward, kept.reverse], now };
    claimSeconds(kept.forward, pair, {
      ...claim,
      count: path.lostForward[pair]! - countBits(kept.forward, pair, lastMinute),
    });
    claimSeconds(kept.reverse, pair, {
      ...claim,
      count: path.lostReverse[pair]! - countBits(kept.reverse, pair, lastMinute),
    });
  }
}

function copySeconds(
  ring: Uint32Array,
  pair: number,
  {
    bits,
    news,
    youngest,
    now,
  }: { readonly bits: Uint32Array; readonly news: number; readonly youngest: number; readonly now: number },
): void {
  for (let w = 0; w < SECONDS_WORDS; w++) {
    let word = bits[pair * SECONDS_WORDS + w]!;
    while (word !== 0) {
      const bit = 31 - Math.clz32(word);
      word &= ~(1 << bit);
      const age = SECONDS_TOLD - 1 - (w * 32 + bit);
      if (age < news && age >= 0 && youngest - age <= now) setBit(ring, pair, youngest - age);
    }
  }
}

/** Whether a row tells a loss `age` seconds ago. */
function isToldLost(bits: Uint32Array, pair: number, age: number): boolean {
  const at = SECONDS_TOLD - 1 - age;
  return at >= 0 && ((bits[pair * SECONDS_WORDS + (at >>> 5)]! >>> (at & 31)) & 1) === 1;
}

/** New losses of a row that tells no seconds: spread evenly over what is new of it, and not of all pairs in the same. */
function guessSeconds(
  ring: Uint32Array,
  pair: number,
  { count, news, now }: { readonly count: number; readonly news: number; readonly now: number },
): void {
  const spread = Math.min(count, news);
  const phase = (pair * GOLDEN + spread * GOLDEN * GOLDEN) % 1;
  for (let i = 0; i < spread; i++) setBit(ring, pair, now - Math.floor(((i + phase) * news) / spread));
}

/** Losses that now have a direction: the oldest of the last minute that have none, as the agent books them itself. */
function claimSeconds(
  ring: Uint32Array,
  pair: number,
  {
    lost,
    taken,
    now,
    count,
  }: {
    readonly lost: Uint32Array;
    readonly taken: readonly Uint32Array[];
    readonly now: number;
    readonly count: number;
  },
): void {
  let left = count;
  for (let age = SECONDS_TOLD - 1; age >= 0 && left > 0; age--) {
    const second = now - age;
    if (!isBitSet(lost, pair, second) || taken.some((other) => isBitSet(other, pair, second))) continue;
    setBit(ring, pair, second);
    left--;
  }
}
