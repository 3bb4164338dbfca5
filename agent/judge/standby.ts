// Whether it is this agent's turn to judge: when fewer than two of those before it in the order are alive. Everybody
// looks only at the nearest before it, so that a thousand agents do not all ask the same two.
import type { Clock } from "../base/clock.ts";
import { JUDGES } from "./order.ts";

/** Who has not answered for so long does not judge any more. */
export const SILENT_AFTER_NS = 15e9;
/**
 * Who has answered is asked again at the second look after that: an answer is an HTTP request, the dearest thing an agent
 * does at rest, and who falls silent is still asked at the third look, when it has been silent for too long.
 */
const ASKED_AGAIN_AFTER_NS = 7.5e9;
/** Asked at once when the nearest are silent, and at most in one look: beyond it one judge more does no harm. */
const ASKED_AT_ONCE = 8;
const ASKED_AT_MOST = 64;

export interface StandbyOptions {
  readonly clock: Clock;
  /** Whether this node's agent is alive, and judges if it is its turn. Never rejects. */
  readonly isAlive: (node: string) => Promise<boolean>;
}

interface Heard {
  /** When it answered last; of who never did, when it was first waited for. */
  readonly lastNs: number;
  readonly answered: boolean;
}

export class Standby {
  readonly #options: StandbyOptions;
  #heard = new Map<string, Heard>();

  constructor(options: StandbyOptions) {
    this.#options = options;
  }

  /** `before`: those that judge before this agent, the first first. */
  async isMyTurn(before: readonly string[]): Promise<boolean> {
    if (before.length < JUDGES) return true;
    const nearest = before.toReversed().slice(0, ASKED_AT_MOST);
    const heard = new Map<string, Heard>();
    let alive = 0;
    for (let at = 0; at < nearest.length && alive < JUDGES;) {
      const asked = nearest.slice(at, at + (at === 0 ? JUDGES : ASKED_AT_ONCE));
      at += asked.length;
      alive += (await Promise.all(asked.map((node) => this.#isHeard(node, heard)))).filter(Boolean).length;
    }
    this.#heard = heard;
    return alive < JUDGES;
  }

  async #isHeard(node: string, heard: Map<string, Heard>): Promise<boolean> {
    const { clock, isAlive } = this.#options;
    const before = this.#heard.get(node);
    const isRecent = before?.answered === true && clock.monotonicNs() - before.lastNs < ASKED_AGAIN_AFTER_NS;
    const answers = !isRecent && (await isAlive(node));
    const nowNs = clock.monotonicNs();
    const now = answers ? { lastNs: nowNs, answered: true } : (before ?? { lastNs: nowNs, answered: false });
    heard.set(node, now);
    return nowNs - now.lastNs < SILENT_AFTER_NS;
  }
}
