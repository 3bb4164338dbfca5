// ICMP without FFI: net-ping's raw socket, timed by this process's own high-resolution clock. Matching is by
// identifier, sequence, nonce, every byte of the pattern, and the address that answered.
import { parseIp } from "../../base/ip.ts";
import type { Clock } from "../../base/clock.ts";
import { FAILED, type AnomalyKind, type Outcome } from "../../model/outcome.ts";
import type { IpFamily } from "../../model/peer.ts";
import type { Slot } from "../../model/slot.ts";
import { echoSequence, encodeEchoRequest, isEchoRequest, matchEchoReply, type Echo } from "../../wire/icmp.ts";
import type { IcmpSettings } from "../icmp.ts";
import { errnoEvent, icmpEvent, type ConntrackState } from "../kernel-events.ts";
import { randomU32 } from "../nonces.ts";
import type { MonotonicNs, OutcomeSink, Prober } from "../prober.ts";
import { openEchoSession, type EchoSession } from "./echo-session.ts";
import { Inbox, answeredBy, type Arrival } from "./inbox.ts";
import { quotedPacket } from "./quoted-packet.ts";
import { errnoOfText } from "./strerror.ts";

export interface UserspaceIcmpOptions {
  readonly clock: Clock;
  readonly sink: OutcomeSink;
  readonly settings: IcmpSettings;
  readonly families: readonly IpFamily[];
  readonly conntrack: () => ConntrackState;
}

const NS_PER_MS = 1e6;
const FORGET_AFTER_TIMEOUTS = 2;
/** Probes remembered, outstanding or ended: the ended ones to know a late or duplicate reply. */
const REMEMBERED = 16_384;

interface Attempt {
  readonly slot: Slot;
  readonly echo: Echo;
  readonly beganNs: MonotonicNs;
  /** When the system call was made; the socket may have to wait its turn. */
  sentNs: MonotonicNs | undefined;
  state: "outstanding" | "answered" | "ended";
}

/** Throws when net-ping is not installed, or a raw socket may not be opened. */
export async function userspaceIcmpProber(options: UserspaceIcmpOptions): Promise<Prober> {
  const channels = new Map<IpFamily, EchoChannel>();
  const all = () => [...channels.values()];
  try {
    for (const family of options.families) channels.set(family, await EchoChannel.begin(options, family));
  } catch (err) {
    for (const channel of all()) channel[Symbol.dispose]();
    throw err;
  }
  return {
    protocol: "icmp",
    open: (slot) => channels.get(slot.family)?.open(slot),
    close: (slot) => channels.get(slot.family)?.close(slot),
    send(due) {
      for (const slot of due) channels.get(slot.family)?.send(slot);
    },
    drain() {
      for (const channel of all()) channel.drain();
    },
    expire() {
      for (const channel of all()) channel.expire();
    },
    get outstanding() {
      return all().reduce((sum, channel) => sum + channel.outstanding, 0);
    },
    mostAtOnce: Infinity, // Node reads answers as they come
    socketDrops: () => 0, // Node does not tell
    [Symbol.dispose]() {
      for (const channel of all()) channel[Symbol.dispose]();
    },
  };
}

class EchoChannel implements Disposable {
  readonly #clock: Clock;
  readonly #sink: OutcomeSink;
  readonly #conntrack: () => ConntrackState;
  readonly #family: IpFamily;
  readonly #sizeBytes: number;
  readonly #timeoutNs: number;
  readonly #inbox: Inbox;
  #session: EchoSession | undefined;
  /** By slot index, in canonical spelling. */
  readonly #addresses = new Map<number, string>();
  /** By slot index. */
  readonly #outstanding = new Map<number, Attempt>();
  /** By sequence number, oldest first. */
  readonly #attempts = new Map<number, Attempt>();
  /** What `encode` is to write: net-ping chooses the sequence number in between. */
  #begin: { readonly slot: Slot } | undefined;

  static async begin(options: UserspaceIcmpOptions, family: IpFamily): Promise<EchoChannel> {
    const channel = new EchoChannel(options, family);
    await channel.#openSession();
    return channel;
  }

  constructor({ clock, sink, settings, conntrack }: UserspaceIcmpOptions, family: IpFamily) {
    this.#clock = clock;
    this.#sink = sink;
    this.#conntrack = conntrack;
    this.#family = family;
    this.#sizeBytes = settings.sizeBytes;
    this.#timeoutNs = settings.timeoutMs * NS_PER_MS;
    this.#inbox = new Inbox(clock);
  }

  async #openSession(): Promise<void> {
    this.#session = await openEchoSession({
      family: this.#family,
      sizeBytes: this.#sizeBytes,
      forgetAfterMs: (this.#timeoutNs / NS_PER_MS) * FORGET_AFTER_TIMEOUTS,
      encode: (into, sequence) => this.#encode(into, sequence),
      onSending: (sequence) => {
        const attempt = this.#attempts.get(sequence);
        if (attempt) attempt.sentNs = this.#clock.monotonicNs();
      },
      onSendError: (sequence, error) => this.#inbox.add(() => this.#unsent(sequence, error)),
      onMessage: this.#inbox.taking((message: Uint8Array, source: string) => this.#received(message, source)),
    });
  }

  get outstanding(): number {
    return this.#outstanding.size;
  }

  open(slot: Slot): void {
    this.#addresses.set(slot.index, parseIp(slot.address)!.text);
  }

  close(slot: Slot): void {
    this.#addresses.delete(slot.index);
    this.#outstanding.delete(slot.index);
    for (const [sequence, attempt] of this.#attempts) if (attempt.slot === slot) this.#forget(sequence);
  }

  send(slot: Slot): void {
    const address = this.#addresses.get(slot.index);
    if (address === undefined || this.#session === undefined) return;
    if (this.#outstanding.has(slot.index)) return this.#sink.skipped(slot);
    this.#begin = { slot };
    if (this.#session.ping(address) === undefined) this.#sink.localError(slot, "EAGAIN");
    this.#begin = undefined;
  }

  drain(): void {
    this.#inbox.deliver();
  }

  expire(): void {
    for (const attempt of this.#outstanding.values()) {
      if (this.#inbox.completeNs - attempt.beganNs <= this.#timeoutNs) return;
      if (attempt.sentNs === undefined) {
        this.#drop(attempt);
        this.#sink.localError(attempt.slot, "EAGAIN");
      } else if (this.#inbox.completeNs - attempt.sentNs > this.#timeoutNs) this.#end(attempt, FAILED.timeout);
    }
  }

  [Symbol.dispose](): void {
    this.#session?.[Symbol.dispose]();
    this.#session = undefined;
    this.#outstanding.clear();
    this.#attempts.clear();
  }

  #encode(into: Uint8Array, sequence: number): void {
    if (this.#begin === undefined || this.#session === undefined) return;
    const echo: Echo = {
      identifier: this.#session.identifier,
      sequence,
      nonceHigh: randomU32(),
      nonceLow: randomU32(),
    };
    const attempt: Attempt = {
      slot: this.#begin.slot,
      echo,
      beganNs: this.#clock.monotonicNs(),
      sentNs: undefined,
      state: "outstanding",
    };
    encodeEchoRequest(into, this.#family, echo);
    this.#attempts.delete(sequence);
    this.#attempts.set(sequence, attempt);
    this.#outstanding.set(attempt.slot.index, attempt);
    if (this.#attempts.size > REMEMBERED) this.#forgetOldest();
  }

  /** All ICMP of this network namespace comes by here. */
  #received(message: Uint8Array, source: string): void {
    this.#inbox.passed();
    const quoted = quotedPacket(message, this.#family);
    if (quoted) {
      const attempt = this.#attempts.get(echoSequence(quoted.payload));
      const target = attempt && this.#addresses.get(attempt.slot.index);
      if (!attempt || quoted.destination !== target || !isEchoRequest(quoted.payload, this.#family, attempt.echo))
        return;
      const verdict = icmpEvent(this.#family, { ...quoted, fromTarget: parseIp(source)?.text === target });
      if (verdict.kind === "outcome")
        this.#inbox.add(() => attempt.state === "outstanding" && this.#end(attempt, verdict.outcome));
      return;
    }
    const attempt = this.#attempts.get(echoSequence(message));
    if (!attempt || parseIp(source)?.text !== this.#addresses.get(attempt.slot.index)) return;
    const match = matchEchoReply(message, this.#family, attempt.echo, this.#sizeBytes);
    if (match === "ours") this.#inbox.add((arrival) => this.#answered(attempt, arrival));
    else if (match === "corrupt") this.#inbox.add(() => this.#anomaly(attempt, "corrupt"));
  }

  #answered(attempt: Attempt, arrival: Arrival): void {
    if (attempt.state === "answered") return this.#anomaly(attempt, "duplicate");
    if (attempt.state === "ended" || attempt.sentNs === undefined) return this.#anomaly(attempt, "late");
    const outcome = answeredBy(arrival, { sentNs: attempt.sentNs, timeoutNs: this.#timeoutNs });
    if (outcome === "late") this.#anomaly(attempt, "late");
    this.#end(attempt, outcome === "late" ? FAILED.timeout : outcome);
  }

  #anomaly(attempt: Attempt, kind: AnomalyKind): void {
    if (this.#addresses.has(attempt.slot.index)) this.#sink.anomaly(attempt.slot, kind);
  }

  #unsent(sequence: number, error: Error): void {
    const attempt = this.#attempts.get(sequence);
    if (attempt?.state !== "outstanding") return;
    const errno = errnoOfText(error.message);
    const verdict = errnoEvent(errno, this.#conntrack);
    if (verdict.kind === "outcome") return this.#end(attempt, verdict.outcome);
    this.#drop(attempt);
    this.#sink.localError(attempt.slot, errno);
  }

  #end(attempt: Attempt, outcome: Outcome): void {
    // A slot that was closed between the event and the drain is not there any more.
    if (!this.#outstanding.delete(attempt.slot.index)) return;
    attempt.state = outcome.kind === "answered" ? "answered" : "ended";
    this.#session?.forget(attempt.echo.sequence);
    this.#sink.record(attempt.slot, outcome);
  }

  #drop(attempt: Attempt): void {
    this.#outstanding.delete(attempt.slot.index);
    this.#forget(attempt.echo.sequence);
  }

  #forget(sequence: number): void {
    this.#attempts.delete(sequence);
    this.#session?.forget(sequence);
  }

  #forgetOldest(): void {
    for (const [sequence, attempt] of this.#attempts) {
      if (attempt.state === "outstanding") continue;
      this.#attempts.delete(sequence);
      return;
    }
  }
}
