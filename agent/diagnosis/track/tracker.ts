// Findings that last: they open when they have been seen for long enough, keep their id, their beginning and their
// place while they are there, and close when the evidence says so. Nothing flaps: what comes back soon is the same
// finding again, and must then be quiet for longer.
import type { Steps } from "../../base/slices.ts";
import type { EndedFinding, Finding, FindingCode, Subject } from "../../model/finding.ts";
import { subjectName } from "../../model/finding.ts";
import { CAUSES } from "../catalogue/causes.ts";
import { CODES, runbookOf } from "../catalogue/codes.ts";
import { SEEN_TWICE, type Observation } from "../observe/observation.ts";
import type { Silence } from "./silence.ts";

/** A judgement that is missing is no news: seen within this is seen without a break. */
const BREAK_SECONDS = 25;
/**
 * However often a judge looks, a burst is one: what must be seen twice must have lost something this long after it was
 * seen first.
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
const MOST_ENDED = 100;

export interface Open {
  finding: Finding;
  readonly isLoss: boolean;
  readonly sinceSeconds: number;
  lastSeen: number;
  /** How often it came back. */
  returns: number;
  /** Another code than its own, and since when it is seen. */
  renaming: { readonly code: FindingCode; readonly since: number } | undefined;
}

interface Waiting {
  readonly since: number;
  seen: number;
}

interface Closed extends Open {
  readonly endedAt: number;
}

export interface Update {
  readonly now: number;
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

  /** The last hundred, youngest first. */
  get ended(): readonly EndedFinding[] {
    return this.#ended;
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
        returns: 0,
        renaming: undefined,
      });
    }
  }

  *update(update: Update): Steps<Finding[]> {
    const { now, observations } = update;
    const seen = new Set<string>();
    const isCrowded = observations.filter((o) => this.#isNews(o)).length > 1;
    for (const observation of strongestFirst(observations)) {
      const key = this.#keyOf(observation);
      if (seen.has(key)) continue;
      seen.add(key);
      const open = this.#open.get(key);
      if (open) this.#renew(open, observation, now);
      else this.#consider(key, isCrowded ? patient(observation) : observation, now);
      yield;
    }
    this.#forgetWaiting(now);
    yield* this.#close(update, seen);
    this.#closed = this.#closed.filter(({ endedAt }) => now - endedAt < AGAIN_SECONDS);
    return this.findings;
  }

  #isNews(observation: Observation): boolean {
    return observation.isLoss && !this.#open.has(this.#keyOf(observation));
  }

  #renew(open: Open, observation: Observation, now: number): void {
    open.lastSeen = now;
    const { code } = open.finding;
    if (observation.code === code) open.renaming = undefined;
    else if (open.renaming?.code !== observation.code) open.renaming = { code: observation.code, since: now };
    const isRenamed = open.renaming !== undefined && now - open.renaming.since >= patienceFor(open.renaming.code);
    const named = isRenamed || observation.code === code ? observation : { ...observation, code };
    if (isRenamed) open.renaming = undefined;
    // Causes fit the code that they were weighed for.
    const causes = named.code === observation.code ? named.causes : open.finding.causes;
    open.finding = findingOf(
      { ...named, causes, subject: keptSubject(open.finding.subject, observation.subject) },
      { id: open.finding.id, sinceSeconds: open.sinceSeconds },
    );
  }

  #consider(key: string, observation: Observation, now: number): void {
    const waiting = this.#waiting.get(key) ?? { since: now, seen: now };
    waiting.seen = now;
    this.#waiting.set(key, waiting);
    const before = this.#closed.find((closed) => keyOf(closed.finding) === key);
    const patience = before ? Math.min(observation.opensAfterSeconds, UNSEEN_SECONDS) : observation.opensAfterSeconds;
    const seenFrom = waiting.since - this.#seenBeforeSeconds;
    if (now - seenFrom < patience) return;
    if (patience > 0 && (observation.lostUntilSeconds ?? now) < seenFrom + GOES_ON_SECONDS) return;
    this.#waiting.delete(key);
    const sinceSeconds = before?.sinceSeconds ?? Math.min(observation.sinceSeconds, waiting.since);
    const id = before?.finding.id ?? idOf(key, sinceSeconds);
    if (before) this.#closed = this.#closed.filter((closed) => closed !== before);
    this.#open.set(key, {
      finding: findingOf(observation, { id, sinceSeconds }),
      isLoss: observation.isLoss,
      sinceSeconds,
      lastSeen: now,
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
    if (quiet < UNSEEN_SECONDS * Math.min(8, 1 + open.returns)) return undefined;
    if (!open.isLoss) return "over";
    const wider = [...this.#open].some(
      ([other, { finding, isLoss, lastSeen }]) =>
        other !== key && isLoss && lastSeen === now && contains(finding.subject, open.finding.subject),
    );
    if (wider) return "explained";
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
  observation.isLoss
    ? { ...observation, opensAfterSeconds: Math.max(SEEN_TWICE, observation.opensAfterSeconds) }
    : observation;

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
