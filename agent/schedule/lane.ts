// A part of the agent that acts on the tick (a protocol's prober, the answering end, path MTU, DNS), kept apart from the
// others: an error in it closes this part alone, with its reason, and it is opened again after a while.
import { backoffMs } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";

export interface LaneOptions<P extends Disposable> {
  /** For log lines and `internode_faults_total`. */
  readonly name: string;
  readonly clock: Pick<Clock, "monotonicNs">;
  /** Throws, or rejects, what the machine refuses. Called again and again. */
  open(): P | Promise<P>;
  /** The part is there, for the first time or again, and knows of nothing yet. May throw: then it is closed again. */
  opened?(part: P): void;
  /** The part is about to go: what it has counted can be read for the last time. */
  closing?(part: P): void;
  /** An error has closed it, or kept it from being opened. */
  closed?(failure: LaneFailure): void;
}

/** Why a lane is closed. */
export interface LaneFailure {
  readonly error: Error;
  /** The first of its kind in this lane: worth a line in the log. */
  readonly isNew: boolean;
}

const NS_PER_MS = 1e6;
const SHORTEST_WAIT_MS = 1_000;
const BACKOFF = { baseMs: 1_000, capMs: 59_000 } as const;
/** Open for this long, a part is sound: the wait after its next failure is short again. */
const SOUND_AFTER_NS = 300e9;
/** Kinds of failures remembered for the log. */
const MAX_KINDS = 64;

export class Lane<P extends Disposable> implements Disposable {
  readonly name: string;
  readonly #options: LaneOptions<P>;
  #part: P | undefined;
  #failure: LaneFailure | undefined;
  #failures = 0;
  readonly #kinds = new Set<string>();
  #failuresInARow = 0;
  #openedNs = -Infinity;
  #openAgainNs = Infinity;
  #opening = false;
  #disposed = false;

  constructor(options: LaneOptions<P>) {
    this.name = options.name;
    this.#options = options;
  }

  get part(): P | undefined {
    return this.#part;
  }

  /** Why it is closed; undefined while it is open or was never opened. */
  get failure(): LaneFailure | undefined {
    return this.#failure;
  }

  /** How often it was closed by an error, or could not be opened. */
  get failures(): number {
    return this.#failures;
  }

  /** When it is to be opened again; Infinity while it is open. */
  get openAgainNs(): number {
    return this.#openAgainNs;
  }

  /** Never rejects: what went wrong is `failure`. */
  async open(): Promise<void> {
    this.#opening = true;
    this.#openAgainNs = Infinity;
    try {
      const part = await this.#options.open();
      if (this.#disposed) return part[Symbol.dispose]();
      this.#part = part;
      this.#failure = undefined;
      this.#openedNs = this.#options.clock.monotonicNs();
      this.run((opened) => this.#options.opened?.(opened));
    } catch (err) {
      this.#failed(err);
    } finally {
      this.#opening = false;
    }
  }

  /** Let the part act, if it is open. What it throws closes it. */
  run<T>(act: (part: P) => T): T | undefined {
    const part = this.#part;
    if (part === undefined) return undefined;
    try {
      return act(part);
    } catch (err) {
      this.#failed(err);
      return undefined;
    }
  }

  /** Called at every tick: opens it again when its time has come. */
  tick(nowNs: number): void {
    if (nowNs >= this.#openAgainNs && !this.#opening && !this.#disposed) void this.open();
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#close();
  }

  #failed(cause: unknown): void {
    if (this.#disposed) return;
    const error = cause instanceof Error ? cause : new Error(String(cause));
    const nowNs = this.#options.clock.monotonicNs();
    this.#close();
    this.#failures++;
    this.#failuresInARow = nowNs - this.#openedNs >= SOUND_AFTER_NS ? 1 : this.#failuresInARow + 1;
    this.#openAgainNs = nowNs + (SHORTEST_WAIT_MS + backoffMs(this.#failuresInARow, BACKOFF)) * NS_PER_MS;
    this.#failure = { error, isNew: this.#isNewKind(error) };
    this.#options.closed?.(this.#failure);
  }

  /** Numbers aside: a message may name a port or a slot. */
  #isNewKind({ name, message }: Error): boolean {
    const kind = `${name}: ${message.replace(/\d+/g, "#")}`;
    if (this.#kinds.has(kind) || this.#kinds.size >= MAX_KINDS) return false;
    this.#kinds.add(kind);
    return true;
  }

  #close(): void {
    const part = this.#part;
    this.#part = undefined;
    if (part === undefined) return;
    // It may be broken, and what broke it has been told.
    for (const step of [() => this.#options.closing?.(part), () => part[Symbol.dispose]()]) {
      try {
        step();
      } catch {}
    }
  }
}
