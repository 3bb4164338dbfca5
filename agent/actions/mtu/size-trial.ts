// The trial of one size towards the target: three large packets, each with a small one after it. A size fails only when
// all large ones are lost and all small ones are answered (design §2.10).
import type { TrialResult } from "../../probes/path-mtu-search.ts";
import type { MonotonicNs } from "../../probes/prober.ts";
import type { AskedProbe, Fate, PathProbe } from "../path/path-probes.ts";
import { WHOLE_WAY } from "../path/path-probes.ts";

const ATTEMPTS = 3;
/** An agent answers everything; a kernel that refuses does so once a second. */
const GAP_NS = { answers: 50e6, refuses: 550e6 } as const;

export type Send = (probe: AskedProbe) => PathProbe;

/** What came of a trial; `silent`: nothing at all came back. */
export type SizeResult = TrialResult | { readonly kind: "silent" };

export class SizeTrial {
  readonly bytes: number;
  readonly #send: Send;
  readonly #large: PathProbe[] = [];
  readonly #small: PathProbe[] = [];
  #dueNs: MonotonicNs;

  constructor(options: { readonly bytes: number; readonly send: Send; readonly notBeforeNs: MonotonicNs }) {
    this.bytes = options.bytes;
    this.#send = options.send;
    this.#dueNs = options.notBeforeNs;
  }

  /** When the next packet to the target may leave, of this trial or of the next. */
  get dueNs(): MonotonicNs {
    return this.#dueNs;
  }

  get probes(): readonly PathProbe[] {
    return [...this.#large, ...this.#small];
  }

  /** Send what is due; the result, once there is one. */
  tick(nowNs: MonotonicNs, target: keyof typeof GAP_NS): SizeResult | undefined {
    const result = this.#result();
    if (result !== undefined || nowNs < this.#dueNs || this.#small.length === ATTEMPTS) return result;
    this.#dueNs = nowNs + GAP_NS[target];
    const isLargeNext = this.#large.length === this.#small.length;
    const probe = this.#send({ port: 0, hopLimit: WHOLE_WAY, ...(isLargeNext && { ipBytes: this.bytes }) });
    (isLargeNext ? this.#large : this.#small).push(probe);
    return undefined;
  }

  #result(): SizeResult | undefined {
    if (this.#large.some(({ fate }) => reached(fate))) return { kind: "passes" };
    const told = this.#large.flatMap(({ fate }) => (fate.kind === "too big" && fate.mtu > 0 ? [fate.mtu] : []));
    if (told.length > 0) return { kind: "told", mtu: Math.min(...told) };
    if (this.#small.length < ATTEMPTS || this.probes.some(({ fate }) => fate.kind === "outstanding")) return undefined;
    const answered = this.#small.filter(({ fate }) => reached(fate)).length;
    if (answered === 0) return { kind: "silent" };
    const vanished = this.#large.every(({ fate }) => fate.kind === "lost");
    return { kind: vanished && answered === ATTEMPTS ? "fails" : "unclear" };
  }
}

/** The target answered, by its agent or by refusing: the packet was there. */
export const reached = ({ kind }: Fate): boolean => kind === "answered" || kind === "refused";
