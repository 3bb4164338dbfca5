// Whether it is this agent's turn to judge: when fewer than two of those before it in the order are alive. Everybody
// looks only at the nearest before it, so that a thousand agents do not all ask the same two.
import type { Clock } from "../base/clock.ts";
import { JUDGES } from "./order.ts";

/** Who has not answered for so long does not judge any more. */
export const SILENT_AFTER_NS = 15e9;
/** Asked at once when the nearest are silent, and at most in one look: beyond it one judge more does no harm. */
const ASKED_AT_ONCE = 8;
const ASKED_AT_MOST = 64;

export interface StandbyOptions {
  readonly clock: Clock;
  /** Whether this node's agent is alive, and judges if it is its turn. Never rejects. */
  readonly isAlive: (node: string) => Promise<boolean>;
}

export class Standby {
  readonly #options: StandbyOptions;
  /** When each agent before this one answered last; of who never did, when it was first waited for. */
  #heardNs = new Map<string, number>();

  constructor(options: StandbyOptions) {
    this.#options = options;
  }

  /** `before`: those that judge before this agent, the first first. */
  async isMyTurn(before: readonly string[]): Promise<boolean> {
    if (before.length < JUDGES) return true;
    const nearest = before.toReversed().slice(0, ASKED_AT_MOST);
    const heard = new Map<string, number>();
    let alive = 0;
    for (let at = 0; at < nearest.length && alive < JUDGES;) {
      const asked = nearest.slice(at, at + (at === 0 ? JUDGES : ASKED_AT_ONCE));
      at += asked.length;
      alive += (await Promise.all(asked.map((node) => this.#isHeard(node, heard)))).filter(Boolean).length;
    }
    this.#heardNs = heard;
    return alive < JUDGES;
  }

  async #isHeard(node: string, heard: Map<string, number>): Promise<boolean> {
    const { clock, isAlive } = this.#options;
    const answers = await isAlive(node);
    const nowNs = clock.monotonicNs();
    const lastNs = answers ? nowNs : (this.#heardNs.get(node) ?? nowNs);
    heard.set(node, lastNs);
    return nowNs - lastNs < SILENT_AFTER_NS;
  }
}
