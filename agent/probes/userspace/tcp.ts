// TCP without FFI: node:net, timed by this process's own clock. The kernel's SYN retries cannot be counted from here,
// only known to have happened: it sends the first after one second.
import { connect, type Socket } from "node:net";
import type { Clock } from "../../base/clock.ts";
import { FAILED, type Outcome } from "../../model/outcome.ts";
import { errnoEvent, type ConntrackState } from "../kernel-events.ts";
import type { Endpoint, MonotonicNs, OutcomeSink, Prober } from "../prober.ts";
import type { TcpSettings } from "../tcp.ts";
import { Inbox, answeredBy, type Arrival } from "./inbox.ts";

export interface UserspaceTcpOptions<S extends Endpoint> {
  readonly clock: Clock;
  readonly sink: OutcomeSink<S>;
  readonly settings: TcpSettings;
  readonly conntrack: () => ConntrackState;
}

const NS_PER_MS = 1e6;
/** TCP_TIMEOUT_INIT (include/net/tcp.h), RFC 6298 §2.1. */
const FIRST_RETRY_NS = 1e9;

interface Attempt<S> {
  readonly slot: S;
  readonly socket: Socket;
  beganNs: MonotonicNs;
}

export function userspaceTcpProber<S extends Endpoint>(options: UserspaceTcpOptions<S>): Prober<S> {
  return new UserspaceTcpProber(options);
}

class UserspaceTcpProber<S extends Endpoint> implements Prober<S> {
  readonly protocol = "tcp";
  readonly mostAtOnce = Infinity;
  readonly #clock: Clock;
  readonly #sink: OutcomeSink<S>;
  readonly #settings: TcpSettings;
  readonly #conntrack: () => ConntrackState;
  readonly #timeoutNs: number;
  readonly #inbox: Inbox;
  readonly #open = new Set<number>();
  /** By slot index, oldest first. */
  readonly #attempts = new Map<number, Attempt<S>>();

  constructor({ clock, sink, settings, conntrack }: UserspaceTcpOptions<S>) {
    this.#clock = clock;
    this.#sink = sink;
    this.#settings = settings;
    this.#conntrack = conntrack;
    this.#timeoutNs = settings.timeoutMs * NS_PER_MS;
    this.#inbox = new Inbox(clock);
  }

  get outstanding(): number {
    return this.#attempts.size;
  }

  open(slot: S): void {
    this.#open.add(slot.index);
  }

  close(slot: S): void {
    this.#open.delete(slot.index);
    const attempt = this.#attempts.get(slot.index);
    if (attempt) this.#end(attempt);
  }

  send(due: readonly S[]): void {
    for (const slot of due) {
      if (!this.#open.has(slot.index)) continue;
      if (this.#attempts.has(slot.index)) this.#sink.skipped(slot);
      else this.#begin(slot);
    }
  }

  drain(): void {
    this.#inbox.deliver();
  }

  expire(): void {
    for (const attempt of this.#attempts.values()) {
      if (this.#inbox.completeNs - attempt.beganNs <= this.#timeoutNs) return;
      this.#complete(attempt, this.#inbox.completeNs, FAILED.timeout);
    }
  }

  socketDrops(): number {
    return 0;
  }

  [Symbol.dispose](): void {
    for (const attempt of this.#attempts.values()) this.#end(attempt);
    this.#open.clear();
  }

  #begin(slot: S): void {
    const socket = connect({ host: slot.address, port: this.#settings.port });
    const attempt: Attempt<S> = { slot, socket, beganNs: this.#clock.monotonicNs() };
    this.#attempts.set(slot.index, attempt);
    // net.connect() begins in a later turn; this is told right before the system call.
    socket.once("connectionAttempt", () => (attempt.beganNs = this.#clock.monotonicNs()));
    socket.once("connect", () => {
      this.#inbox.add((arrival) => this.#answered(attempt, arrival));
      socket.resetAndDestroy();
    });
    socket.on("error", (err: NodeJS.ErrnoException) =>
      this.#inbox.add((arrival) => this.#broken(attempt, arrival, err.code ?? err.message)),
    );
  }

  #answered(attempt: Attempt<S>, arrival: Arrival): void {
    if (!this.#isCurrent(attempt)) return;
    const outcome = answeredBy(arrival, { sentNs: attempt.beganNs, timeoutNs: this.#timeoutNs });
    if (outcome === "late") {
      this.#sink.anomaly(attempt.slot, "late");
      this.#complete(attempt, arrival.notBeforeNs, FAILED.timeout);
    } else {
      const retried = arrival.atNs - attempt.beganNs >= FIRST_RETRY_NS;
      this.#complete(
        attempt,
        arrival.notBeforeNs,
        retried ? { kind: "answered", rttNs: undefined, clock: "user" } : outcome,
      );
    }
  }

  #broken(attempt: Attempt<S>, arrival: Arrival, errno: string): void {
    if (!this.#isCurrent(attempt)) return;
    const verdict = errnoEvent(errno, this.#conntrack);
    if (verdict.kind === "outcome") return this.#complete(attempt, arrival.notBeforeNs, verdict.outcome);
    this.#end(attempt);
    this.#sink.localError(attempt.slot, errno);
  }

  /** `stillOpenNs`: a moment at which there was surely no answer yet. */
  #complete(attempt: Attempt<S>, stillOpenNs: MonotonicNs, outcome: Outcome): void {
    this.#end(attempt);
    const retried = stillOpenNs - attempt.beganNs >= FIRST_RETRY_NS;
    this.#sink.record(attempt.slot, retried ? { ...outcome, retransmits: 1 } : outcome);
  }

  /** False when the slot was closed, or the attempt judged, between the event and the drain. */
  #isCurrent(attempt: Attempt<S>): boolean {
    return this.#attempts.get(attempt.slot.index) === attempt;
  }

  #end({ slot, socket }: Attempt<S>): void {
    this.#attempts.delete(slot.index);
    socket.destroy();
  }
}
