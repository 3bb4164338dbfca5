// Findings that last: they open when they have been seen for long enough, keep their id, their beginning and their
// place while they are there, and close when the evidence says so. Nothing flaps: what comes back soon is the same
// finding again, and must then be quiet for longer.
import type { Steps } from "../../base/slices.ts";
import type { EndedFinding, Finding, FindingCode, Subject } from "../../model/finding.ts";
import { subjectName } from "../../model/finding.ts";
import { CAUSES } from "../catalogue/causes.ts";
import { CODES, runbookOf } from "../catalogue/codes.ts";
import { atLeastAfter, SEEN_TWICE, type Observation } from "../observe/observation.ts";
import type { Look } from "../locate/culprits.ts";
import { forgetStopped, LONGEST_PAUSE_SECONDS } from "./stopped.ts";
import type { Silence } from "./silence.ts";

/** A judgement that is missing is no news: seen within this is seen without a break. */
const BREAK_SECONDS = 25;
/**
 * However often a judge looks, a burst is one: what must be seen twice must have lost something this long after it was
 * seen first, or any time after, where any two looks suffice.
 */
const GOES_ON_SECONDS = 5;
/** What is no loss is over when it was not seen for so long. */
const UNSEEN_SECONDS = 30;
/** A finding takes another code when it was seen under it for so long. */
const RENAME_SECONDS = 30;
/** But at once when it turns out that all is lost: the first judgement saw but the beginning. */
const TOTAL: ReadonlySet<FindingCode> = new Set(["IN-NODE-DOWN", "IN-PAIR-CUT"]);
const patienceFor = (code: FindingCode): number => (TOTAL.has(code) ? 0 : RENAME_SECONDS);
/** The same again within this is the same finding. */
const AGAIN_SECONDS = 900;
/** And began when it did before, if it was away for no longer: what is fine for longer has not lasted. */
const SAME_BEGINNING_SECONDS = 300;
const MOST_ENDED = 100;

export interface Open {
  finding: Finding;
  readonly isLoss: boolean;
  readonly sinceSeconds: number;
  lastSeen: number;
  /** The longest that it was taken to have stopped, and came back. */
  pauseSeconds: number;
  hasStopped: boolean;
  /** How often it came back. */
  returns: number;
  /** Another code than its own, and since when it is seen. */
  renaming: { readonly code: FindingCode; readonly since: number } | undefined;
}

interface Waiting {
  readonly since: number;
  /** Until when losses were told then. */
  readonly told: number;
  /** The earliest that any look has told. */
  began: number;
  seen: number;
  /** A loss that is sure, and must be seen again to be believed. */
  isLossSeenOnce: boolean;
}

interface Closed extends Open {
  readonly endedAt: number;
}

export interface Update {
  readonly now: number;
  /** Until when losses are told, `now` unless the judge has waited for rows. */
  readonly told?: number;
  readonly observations: readonly Observation[];
  /** Whether a loss that is not observed any more is over, and whether its subject still exists. */
  readonly silence: Silence;
  /** Whether one subject is part of another. */
  readonly contains: (outer: Subject, inner: Subject) => boolean;
}

export class Tracker {
  readonly #open = new Map<string, Open>();
  readonly #waiting = new Map<string, Waiting>();
  #closed: Closed[] = [];
  readonly #ended: EndedFinding[] = [];
  readonly #seenBeforeSeconds: number;

  /** `seenBeforeSeconds`: for how long what is seen for the first time counts as seen already. */
  constructor(seenBeforeSeconds = 0) {
    this.#seenBeforeSeconds = seenBeforeSeconds;
  }

  get findings(): Finding[] {
    return [...this.#open.values()].map(({ finding }) => finding);
  }

  /** What was observed last opens with the next look: worth looking again soon. */
  isAwaited(now: number): boolean {
    return [...this.#waiting.values()].some(({ seen, isLossSeenOnce }) => isLossSeenOnce && seen === now);
  }

  /** The last hundred, youngest first. */
  get ended(): readonly EndedFinding[] {
    return this.#ended;
  }

  /** Before anything is observed: what has stopped is known once. */
  *forgetStopped(look: Look): Steps<void> {
    const losses = [...this.#open.values()].filter(({ isLoss }) => isLoss);
    for (const open of yield* forgetStopped(look, losses)) open.hasStopped = true;
  }

  /** After an update. */
  *forgetOver(look: Look): Steps<void> {
    const losses = this.#closed.filter(({ isLoss, endedAt }) => isLoss && endedAt === look.evidence.atSeconds);
    yield* forgetStopped(look, losses, { isOver: true });
  }

  /** Findings of another judge, as they are: a starting judge loses none. */
  adopt(findings: readonly Finding[], now: number): void {
    for (const finding of findings) {
      const key = keyOf(finding);
      if (this.#open.has(key)) continue;
      this.#open.set(key, {
        finding,
        isLoss: CODES[finding.code].isLoss,
        sinceSeconds: Date.parse(finding.since) / 1000,
        lastSeen: now,
        pauseSeconds: 0,
        hasStopped: false,
        returns: 0,
        renaming: undefined,
      });
    }
  }

  *update(update: Update): Steps<Finding[]> {
    const { now, told = now } = update;
    const fading = this.#fading(update);
    const observations = update.observations.filter(
      (one) => !this.#isKnown(one, update) && !this.#isRest(one, fading, update),
    );
    const seen = new Set<string>();
    const isCrowded = observations.filter((o) => this.#isNews(o)).length > 1;
    for (const observation of strongestFirst(observations)) {
      const key = this.#keyOf(observation);
      if (seen.has(key)) continue;
      seen.add(key);
      const open = this.#open.get(key);
      if (open) this.#renew(open, observation, now);
      else this.#consider(key, isCrowded ? patient(observation) : observation, { now, told });
      yield;
    }
    this.#forgetWaiting(now);
    yield* this.#close(update, seen);
    this.#closed = this.#closed.filter(({ endedAt }) => now - endedAt < AGAIN_SECONDS);
    return this.findings;
  }

  /** Whether it is what open losses lose of which hardly anybody tells any more: they have been seen by it. */
  #isKnown(observation: Observation, { now, silence }: Update): boolean {
    if (!this.#isNews(observation)) return false;
    const losses = [...this.#open.values()].filter(({ isLoss }) => isLoss);
    const known = silence.explaining(observation, losses);
    const goesOn = observation.opensAfterSeconds < Number.POSITIVE_INFINITY;
    for (const open of known) if (goesOn) open.lastSeen = now;
    return known.length > 0;
  }

  /** Open, and not observed any more. */
  #fading({ observations }: Update): readonly Finding[] {
    const observed = new Set(observations.map(keyOf));
    return [...this.#open].flatMap(([key, { finding }]) => (observed.has(key) ? [] : [finding]));
  }

  /**
   * Whether it is what is left of an open finding that fades: of a node whose path MTU is checked pair by pair the last
   * pairs are no findings of their own, unless they stay when that one is over.
   */
  #isRest(observation: Observation, fading: readonly Finding[], { contains }: Update): boolean {
    if (observation.isLoss || this.#open.has(keyOf(observation))) return false;
    return fading.some((one) => isSameKind(one, observation) && contains(one.subject, observation.subject));
  }

  #isNews(observation: Observation): boolean {
    return observation.isLoss && !this.#open.has(this.#keyOf(observation));
  }

  #renew(open: Open, observation: Observation, now: number): void {
    if (open.hasStopped) open.pauseSeconds = Math.max(open.pauseSeconds, pauseSince(open.lastSeen, now));
    open.hasStopped = false;
    open.lastSeen = now;
    // What trickles in when it seems over, or is not sure, does not say that it is of one protocol alone.
    if (observation.opensAfterSeconds === Number.POSITIVE_INFINITY && !sameScope(observation, open.finding)) return;
    const { code } = open.finding;
    if (observation.code === code) open.renaming = undefined;
    else if (open.renaming?.code !== observation.code) open.renaming = { code: observation.code, since: now };
    const isRenamed = open.renaming !== undefined && now - open.renaming.since >= patienceFor(open.renaming.code);
    // "Nothing gets through" was said of what it was said of.
    const scope = TOTAL.has(code) ? open.finding.scope : observation.scope;
    const named = isRenamed || observation.code === code ? observation : { ...observation, code, scope };
    if (isRenamed) open.renaming = undefined;
    // Causes fit the code that they were weighed for.
    const causes = named.code === observation.code ? named.causes : open.finding.causes;
    open.finding = findingOf(
      { ...named, causes, subject: keptSubject(open.finding.subject, observation.subject) },
      { id: open.finding.id, sinceSeconds: open.sinceSeconds },
    );
  }

  #consider(
    key: string,
    observation: Observation,
    { now, told }: { readonly now: number; readonly told: number },
  ): void {
    const waiting = this.#waiting.get(key) ?? {
      since: now,
      told,
      began: now,
      seen: now,
      isLossSeenOnce: false,
    };
    waiting.began = Math.min(waiting.began, observation.sinceSeconds);
    waiting.seen = now;
    waiting.isLossSeenOnce = observation.isLoss && observation.opensAfterSeconds <= SEEN_TWICE;
    this.#waiting.set(key, waiting);
    // A node that was dead and then loses one protocol is not the same again.
    const before = this.#closed.find(({ finding }) => keyOf(finding) === key && sameScope(finding, observation));
    const patience = before ? Math.min(observation.opensAfterSeconds, UNSEEN_SECONDS) : observation.opensAfterSeconds;
    const seenFrom = waiting.since - this.#seenBeforeSeconds;
    if (now - seenFrom < patience) return;
    const goesOn = Math.min(GOES_ON_SECONDS, patience);
    if (patience > 0 && (observation.lostUntilSeconds ?? told) < waiting.told - this.#seenBeforeSeconds + goesOn)
      return;
    this.#waiting.delete(key);
    // Of a loss each look knows the beginning better than the one before.
    const began = observation.isLoss ? Math.min(observation.sinceSeconds, waiting.since) : waiting.began;
    const lasts = before && now - before.lastSeen <= SAME_BEGINNING_SECONDS;
    const sinceSeconds = lasts ? before.sinceSeconds : began;
    const id = before?.finding.id ?? idOf(key, sinceSeconds);
    if (before) this.#closed = this.#closed.filter((closed) => closed !== before);
    this.#open.set(key, {
      finding: findingOf(observation, { id, sinceSeconds }),
      isLoss: observation.isLoss,
      sinceSeconds,
      lastSeen: now,
      pauseSeconds: before ? pauseSince(before.lastSeen, now) : 0,
      hasStopped: false,
      returns: (before?.returns ?? -1) + 1,
      renaming: undefined,
    });
  }

  #forgetWaiting(now: number): void {
    for (const [key, { seen }] of this.#waiting) if (now - seen > BREAK_SECONDS) this.#waiting.delete(key);
  }

  *#close({ now, silence, contains }: Update, seen: ReadonlySet<string>): Steps<void> {
    for (const [key, open] of this.#open) {
      if (seen.has(key)) continue;
      yield;
      const because = this.#endOf(key, open, { now, silence, contains });
      if (!because) continue;
      this.#open.delete(key);
      this.#ended.unshift({ ...open.finding, ended: momentOf(now), because });
      this.#ended.length = Math.min(this.#ended.length, MOST_ENDED);
      if (because === "over") this.#closed.push({ ...open, endedAt: now });
    }
  }

  #endOf(
    key: string,
    open: Open,
    { now, silence, contains }: Pick<Update, "now" | "silence" | "contains">,
  ): EndedFinding["because"] | undefined {
    if (silence.isGone(open.finding.subject)) return "gone";
    const quiet = now - open.lastSeen;
    const isWider = ([other, { finding, lastSeen }]: [string, Open]): boolean =>
      other !== key && lastSeen === now && contains(finding.subject, open.finding.subject);
    // It was the beginning of what is seen whole now.
    const { finding: own } = open;
    if (!open.isLoss && [...this.#open].some((one) => isWider(one) && isSameKind(one[1].finding, own)))
      return "explained";
    if (quiet < UNSEEN_SECONDS * Math.min(8, 1 + open.returns)) return undefined;
    if (!open.isLoss) return "over";
    if ([...this.#open].some((one) => isWider(one) && one[1].isLoss)) return "explained";
    return silence.isOver(open) ? "over" : undefined;
  }

  /** A group is known by its members: half of them suffice. */
  #keyOf(observation: Observation): string {
    const { subject } = observation;
    if (subject.kind === "group") {
      for (const [key, { finding }] of [...this.#open, ...this.#closed.map((c) => [keyOf(c.finding), c] as const)]) {
        if (familyOf(finding.code) !== familyOf(observation.code) || finding.subject.kind !== "group") continue;
        if (shareHalf(finding.subject.nodes, subject.nodes)) return key;
      }
    }
    return keyOf(observation);
  }
}

/** One that may be part of a wider loss that is not understood yet: many begin at once. */
const patient = (observation: Observation): Observation =>
  observation.isLoss ? atLeastAfter(observation, SEEN_TWICE) : observation;

/** Loss of one subject is one finding, whatever it is called; anything else is one of its code. */
const familyOf = (code: FindingCode): string => (CODES[code].isLoss ? "loss" : code);

function keyOf({ code, subject, scope }: Pick<Finding, "code" | "subject" | "scope">): string {
  const family = familyOf(code);
  // What is not loss may concern two networks or protocols of one node: these are two things.
  const what = family === "loss" ? [] : [scope.network, scope.protocol, scope.family];
  return [family, subjectName(subject), ...what].join("|");
}

const idOf = (key: string, sinceSeconds: number): string => `${key.replaceAll("|", "-")}-${Math.floor(sinceSeconds)}`;

const strongestFirst = (observations: readonly Observation[]): Observation[] =>
  [...observations].sort((a, b) => b.confidence - a.confidence || a.opensAfterSeconds - b.opensAfterSeconds);

const isSameKind = (a: Pick<Finding, "code" | "scope">, b: Pick<Finding, "code" | "scope">): boolean =>
  a.code === b.code && sameScope(a, b);

const sameScope = (a: Pick<Finding, "scope">, b: Pick<Finding, "scope">): boolean =>
  (["network", "protocol", "family"] as const).every((part) => a.scope[part] === b.scope[part]);

const pauseSince = (lastSeen: number, now: number): number =>
  now - lastSeen <= LONGEST_PAUSE_SECONDS ? now - lastSeen : 0;

/** Members may come and go; the id stays. */
function keptSubject(before: Subject, now: Subject): Subject {
  return before.kind === "group" && now.kind === "group" ? { ...now, id: before.id } : now;
}

function shareHalf(a: readonly string[], b: readonly string[]): boolean {
  const common = b.filter((name) => a.includes(name)).length;
  return common * 2 >= Math.max(a.length, b.length);
}

const momentOf = (seconds: number): string => new Date(seconds * 1000).toISOString();

function findingOf(
  observation: Observation,
  { id, sinceSeconds }: { readonly id: string; readonly sinceSeconds: number },
): Finding {
  const { code, subject, scope, direction, figures, confidence, causes } = observation;
  const [likeliest] = causes;
  return {
    id,
    code,
    subject,
    scope,
    ...(direction && { direction }),
    text: CODES[code].says({ subject, scope, direction, figures }),
    figures,
    confidence,
    since: momentOf(sinceSeconds),
    causes,
    next: likeliest ? CAUSES[likeliest.kind].next(subject) : "",
    cure: likeliest ? CAUSES[likeliest.kind].cure : "",
    runbook: runbookOf(code),
  };
}
