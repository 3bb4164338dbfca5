// When to judge: every ten seconds, in step with this agent's phase; every two or three for a while when losses have just
// begun, or wait to be seen again. A mesh that is never at rest costs at most twice as much.
export const JUDGE_EVERY_MS = 10_000;
const SOON_MS = 2_500;
/** Until a fault has been lost in enough seconds to be told from a burst, and has been seen twice. */
const HURRY_MS = 20_000;
/** Judgements out of turn: so many at once, and one more with each that comes in turn. */
const MOST_EXTRA = HURRY_MS / SOON_MS;

export class Pace {
  readonly #phaseMs: number;
  #lastMs = Number.NEGATIVE_INFINITY;
  #hurryUntilMs = Number.NEGATIVE_INFINITY;
  #extra = MOST_EXTRA;

  /** `phase`: in [0, 1), so that the two judges do not judge in step. */
  constructor(phase: number) {
    this.#phaseMs = phase * JUDGE_EVERY_MS;
  }

  isDue(nowMs: number): boolean {
    if (nowMs - this.#lastMs < SOON_MS) return false;
    return this.#isTurn(nowMs) || this.isHasty(nowMs);
  }

  /** A look that comes soon again, so that it waits for nobody. In a mesh that is never at rest those in turn do wait. */
  isHasty(nowMs: number): boolean {
    return nowMs < this.#hurryUntilMs && this.#extra > 0;
  }

  begins(nowMs: number): void {
    this.#extra = Math.min(MOST_EXTRA, this.#extra + (this.#isTurn(nowMs) ? 1 : -1));
    this.#lastMs = nowMs;
  }

  /** Losses have just begun, or wait to be seen again. */
  hurry(nowMs: number): void {
    this.#hurryUntilMs = nowMs + HURRY_MS;
  }

  #isTurn(nowMs: number): boolean {
    const turnOf = (ms: number): number => Math.floor((ms - this.#phaseMs) / JUDGE_EVERY_MS);
    return turnOf(nowMs) > turnOf(this.#lastMs);
  }
}
