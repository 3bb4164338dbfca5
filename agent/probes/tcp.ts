// TCP: a handshake with the peer's probe port. The delay is the kernel's own (tcpi_rtt, SYN to SYN-ACK); a SYN that
// the kernel had to send again is counted as the loss it is and gives no delay (design §2.7).
import type { Kernel, SocketAddress, TcpHandshake, TcpProgress } from "../kernel/kernel.ts";
import type { Clock } from "../base/clock.ts";
import { FAILED, type Outcome } from "../model/outcome.ts";
import { conntrackState } from "./conntrack.ts";
import { errnoEvent, icmpEvent, type ConntrackState, type Verdict } from "./kernel-events.ts";
import type { Endpoint, MonotonicNs, OutcomeSink, Prober } from "./prober.ts";

export interface TcpSettings {
  readonly timeoutMs: number;
  /** The peers' probe port. */
  readonly port: number;
}

export interface TcpProberOptions<S extends Endpoint> {
  readonly kernel: Kernel;
  readonly clock: Clock;
  readonly sink: OutcomeSink<S>;
  readonly settings: TcpSettings;
  /** Asked only where a full table would make a failure our own; the machine's by default. */
  readonly conntrack?: () => ConntrackState;
}

const NS_PER_MS = 1e6;
/**
 * A handshake that has been open for long is asked less often: each question costs a system call, a dead peer is
 * asked for the whole timeout, and what the kernel tells of the answer's time does not age.
 */
const POLL_AGAIN_AFTER_SHARE_OF_AGE = 1 / 4;

/** A handshake that has been begun and not judged. */
interface Attempt<S> {
  readonly slot: S;
  readonly handshake: TcpHandshake;
  readonly beganNs: MonotonicNs;
  pollAtNs: MonotonicNs;
}

export function tcpProber<S extends Endpoint>(options: TcpProberOptions<S>): Prober<S> {
  return new TcpProber(options);
}

class TcpProber<S extends Endpoint> implements Prober<S> {
  readonly protocol = "tcp";
  /** The kernel keeps what came with each connection. */
  readonly mostAtOnce = Infinity;
  readonly #kernel: Kernel;
  readonly #clock: Clock;
  readonly #sink: OutcomeSink<S>;
  readonly #port: number;
  readonly #timeoutNs: number;
  readonly #conntrack: () => ConntrackState;
  /** By slot index. */
  readonly #addresses = new Map<number, SocketAddress>();
  /** By slot index, oldest first. */
  readonly #attempts = new Map<number, Attempt<S>>();

  constructor({ kernel, clock, sink, settings, conntrack = conntrackState }: TcpProberOptions<S>) {
    this.#kernel = kernel;
    this.#clock = clock;
    this.#sink = sink;
    this.#port = settings.port;
    this.#timeoutNs = settings.timeoutMs * NS_PER_MS;
    this.#conntrack = conntrack;
  }

  get outstanding(): number {
    return this.#attempts.size;
  }

  open(slot: S): void {
    this.#addresses.set(slot.index, this.#kernel.socketAddress(slot.address, this.#port));
  }

  close(slot: S): void {
    this.#addresses.delete(slot.index);
    this.#attempts.get(slot.index)?.handshake[Symbol.dispose]();
    this.#attempts.delete(slot.index);
  }

  send(due: readonly S[]): void {
    for (const slot of due) {
      const to = this.#addresses.get(slot.index);
      if (to === undefined) continue;
      if (this.#attempts.has(slot.index)) this.#sink.skipped(slot);
      else this.#begin(slot, to);
    }
  }

  drain(): void {
    const nowNs = this.#clock.monotonicNs();
    for (const attempt of this.#attempts.values()) {
      if (attempt.pollAtNs <= nowNs) this.#judge(attempt, attempt.handshake.poll());
    }
  }

  expire(): void {
    const nowNs = this.#clock.monotonicNs();
    for (const attempt of this.#attempts.values()) {
      // Handshakes are kept in the order they were begun.
      if (nowNs - attempt.beganNs <= this.#timeoutNs) return;
      const progress = attempt.handshake.poll();
      if (progress.state === "connecting") this.#fail(attempt, progress.retransmits);
      else this.#judge(attempt, progress);
    }
  }

  socketDrops(): number {
    return 0;
  }

  [Symbol.dispose](): void {
    for (const { handshake } of this.#attempts.values()) handshake[Symbol.dispose]();
    this.#attempts.clear();
    this.#addresses.clear();
  }

  #begin(slot: S, to: SocketAddress): void {
    const beganNs = this.#clock.monotonicNs();
    const handshake = this.#kernel.connect(to);
    if ("errno" in handshake) {
      this.#report(slot, errnoEvent(handshake.errno, this.#conntrack), { errno: handshake.errno, retransmits: 0 });
      return;
    }
    this.#attempts.set(slot.index, { slot, handshake, beganNs, pollAtNs: beganNs });
  }

  #judge(attempt: Attempt<S>, progress: TcpProgress): void {
    const { slot } = attempt;
    switch (progress.state) {
      case "connecting": {
        const nowNs = this.#clock.monotonicNs();
        attempt.pollAtNs = nowNs + (nowNs - attempt.beganNs) * POLL_AGAIN_AFTER_SHARE_OF_AGE;
        return;
      }
      case "established": {
        const { retransmits } = progress;
        const late = this.#answeredAfterNs(attempt, progress) > this.#timeoutNs;
        if (late) this.#sink.anomaly(slot, "late");
        const rttNs = retransmits === 0 && progress.rttNs > 0 ? progress.rttNs : undefined;
        this.#complete(attempt, retransmits, late ? FAILED.timeout : { kind: "answered", rttNs, clock: "kernel" });
        return;
      }
      case "closed": {
        const { errno, icmp, retransmits } = progress;
        this.#end(attempt);
        const told = icmp && icmpEvent(slot.family, icmp);
        this.#report(slot, told?.kind === "outcome" ? told : errnoEvent(errno, this.#conntrack), {
          errno,
          retransmits,
        });
      }
    }
  }

  /** From the first SYN to the SYN-ACK, by what the kernel noted when it came: when we asked does not matter. */
  #answeredAfterNs(attempt: Attempt<S>, answer: Extract<TcpProgress, { state: "established" }>): number {
    if (answer.retransmits === 0 && answer.rttNs > 0) return answer.rttNs;
    return this.#clock.monotonicNs() - answer.answeredAgoMs * NS_PER_MS - attempt.beganNs;
  }

  #fail(attempt: Attempt<S>, retransmits: number): void {
    // TCP does not tell of a SYN that our own full conntrack table refused; it looks like a lost one.
    if (this.#conntrack() === "full") {
      this.#end(attempt);
      this.#sink.localError(attempt.slot, "EPERM");
    } else this.#complete(attempt, retransmits, FAILED.timeout);
  }

  #complete(attempt: Attempt<S>, retransmits: number, outcome: Outcome): void {
    this.#end(attempt);
    this.#record(attempt.slot, retransmits, outcome);
  }

  #report(slot: S, verdict: Verdict, seen: { readonly errno: string; readonly retransmits: number }): void {
    if (verdict.kind === "outcome") this.#record(slot, seen.retransmits, verdict.outcome);
    else this.#sink.localError(slot, seen.errno);
  }

  #record(slot: S, retransmits: number, outcome: Outcome): void {
    this.#sink.record(slot, retransmits > 0 ? { ...outcome, retransmits } : outcome);
  }

  #end({ slot, handshake }: Attempt<S>): void {
    this.#attempts.delete(slot.index);
    handshake[Symbol.dispose]();
  }
}
