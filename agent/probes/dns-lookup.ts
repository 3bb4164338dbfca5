// One lookup as libc does it: A and AAAA side by side from one socket, both must come back (resolv.conf(5) without
// `single-request`). What libc hides is not hidden here: nothing is sent twice, so one lost packet is one failure.
// Times are this process's own monotonic clock: what a pod waits for includes its own kernel's queue as well.
import { randomInt } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { connect } from "node:net";
import { familyOf } from "../base/ip.ts";
import type { Clock } from "../base/clock.ts";
import {
  QUERY_TYPES,
  decodeAnswer,
  encodeQuery,
  type DnsMessage,
  type DnsQuestion,
  type QueryType,
} from "../wire/dns.ts";
import { conntrackState } from "./conntrack.ts";
import { errnoEvent } from "./kernel-events.ts";

/** Why a lookup failed. Where its two questions fail differently, the first of this list is told. */
export const DNS_FAILURE_REASONS = [
  /** An answer is missing: one (the conntrack race of two packets from one port) or both. */
  "timeout",
  /** No route, or a router says so. */
  "unreachable",
  /** A policy on this machine or one that answers. */
  "blocked",
  /** Nothing listens on the server's port. */
  "closed",
  /** The answer is not DNS. */
  "malformed",
  /** Too large for a datagram, and the server did not give it over TCP. */
  "truncated",
  "servfail",
  "refused",
  "formerr",
  "notimp",
  /** The name does not exist. */
  "nxdomain",
  /** The name exists and has no address. */
  "nodata",
  /** Another response code. */
  "other",
] as const;
export type DnsFailureReason = (typeof DNS_FAILURE_REASONS)[number];

export type LookupOutcome =
  /** `durationNs` is absent when the answer came while this process could not look, past the timeout. */
  | { readonly kind: "resolved"; readonly durationNs: number | undefined; readonly addresses: readonly string[] }
  /** `unanswered`: questions without an answer; one of two is the mark of the conntrack race. */
  | { readonly kind: "failed"; readonly reason: DnsFailureReason; readonly unanswered: readonly QueryType[] }
  /** Our own machine could not ask: not a lookup at all. */
  | { readonly kind: "local"; readonly errno: string };

export interface LookupOptions {
  readonly clock: Clock;
  /** Address of the server. */
  readonly server: string;
  readonly port?: number;
  /** Taken as absolute: no search list. */
  readonly name: string;
  readonly timeoutMs: number;
  /** Forget it: the promise still resolves, its outcome means nothing. */
  readonly signal?: AbortSignal;
}

const DNS_PORT = 53;
const NS_PER_MS = 1e6;
const NO_ERROR = 0;
const RCODE_REASONS: Readonly<Record<number, DnsFailureReason>> = {
  1: "formerr",
  2: "servfail",
  3: "nxdomain",
  4: "notimp",
  5: "refused",
};

type Answer = Extract<DnsMessage, { kind: "answer" }>;
type Settled =
  | { readonly kind: "addresses"; readonly addresses: readonly string[] }
  | { readonly kind: "failure"; readonly reason: DnsFailureReason };

/** Never rejects. Throws RangeError at once for a name that DNS cannot carry. */
export function lookup(options: LookupOptions): Promise<LookupOutcome> {
  const ids = distinctIds();
  const questions = QUERY_TYPES.map((type, i) => {
    const question: DnsQuestion = { id: ids[i]!, name: options.name, type };
    return { question, query: encodeQuery(question) };
  });
  return new Promise((resolve) => new Lookup(options, questions, resolve).begin());
}

/** The two answers are told apart by their ids. */
function distinctIds(): readonly [number, number] {
  const first = randomInt(0x10000);
  return [first, (first + randomInt(1, 0x10000)) & 0xffff];
}

interface Asked {
  readonly question: DnsQuestion;
  readonly query: Uint8Array;
}

class Lookup {
  readonly #options: LookupOptions;
  readonly #asked: readonly Asked[];
  readonly #resolve: (outcome: LookupOutcome) => void;
  readonly #socket: Socket;
  readonly #settled = new Map<QueryType, Settled>();
  /** Ends the TCP connections, and is asked whether all is over. */
  readonly #over = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #beganNs = 0;

  constructor(options: LookupOptions, asked: readonly Asked[], resolve: (outcome: LookupOutcome) => void) {
    this.#options = options;
    this.#asked = asked;
    this.#resolve = resolve;
    this.#socket = createSocket(familyOf(options.server) === "ipv6" ? "udp6" : "udp4");
  }

  begin(): void {
    const { signal, server, port = DNS_PORT, timeoutMs } = this.#options;
    signal?.addEventListener("abort", this.#timedOut, { signal: this.#over.signal });
    this.#socket.on("error", (err) => this.#broken(err));
    this.#socket.on("message", (bytes) => this.#received(bytes));
    this.#socket.on("connect", () => {
      if (this.#over.signal.aborted) return;
      this.#beganNs = this.#options.clock.monotonicNs();
      for (const { query } of this.#asked) this.#socket.send(query, (err) => err && this.#broken(err));
    });
    // Connected: the kernel passes on only what comes from this server, and what ICMP says of it.
    this.#socket.connect(port, server);
    // A process that was stopped finds its timer first: what has arrived meanwhile is read before it counts.
    this.#timer = setTimeout(() => setImmediate(this.#timedOut), timeoutMs);
    if (signal?.aborted) this.#timedOut();
  }

  #received(bytes: Uint8Array): void {
    for (const { question, query } of this.#asked) {
      if (this.#settled.has(question.type)) continue;
      const message = decodeAnswer(bytes, question);
      if (message.kind === "foreign") continue;
      if (message.kind === "answer" && message.truncated) this.#askOverTcp(question, query);
      else this.#settle(question.type, judge(message));
      return;
    }
  }

  #askOverTcp(question: DnsQuestion, query: Uint8Array): void {
    const { server, port = DNS_PORT } = this.#options;
    const socket = connect({ host: server, port, signal: this.#over.signal });
    const withLength = Buffer.concat([Buffer.of(query.length >> 8, query.length & 0xff), query]);
    let received = Buffer.alloc(0);
    const end = (settled: Settled) => {
      this.#settle(question.type, settled);
      socket.destroy();
    };
    socket.on("connect", () => socket.write(withLength));
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const message = decodeAnswer(received.subarray(2, 2 + received.readUInt16BE(0)), question);
      end(message.kind === "answer" && !message.truncated ? judge(message) : { kind: "failure", reason: "malformed" });
    });
    socket.on("error", () => end({ kind: "failure", reason: "truncated" }));
    socket.on("close", () => end({ kind: "failure", reason: "truncated" }));
  }

  #settle(type: QueryType, settled: Settled): void {
    if (this.#over.signal.aborted || this.#settled.has(type)) return;
    this.#settled.set(type, settled);
    if (this.#settled.size === this.#asked.length) this.#end(this.#verdict());
  }

  readonly #timedOut = (): void => {
    if (!this.#over.signal.aborted) this.#end(this.#verdict());
  };

  #verdict(): LookupOutcome {
    const unanswered = QUERY_TYPES.filter((type) => !this.#settled.has(type));
    const reasons = new Set<DnsFailureReason>(unanswered.length > 0 ? ["timeout"] : []);
    const addresses: string[] = [];
    for (const type of QUERY_TYPES) {
      const settled = this.#settled.get(type);
      if (settled === undefined) continue;
      if (settled.kind === "failure") reasons.add(settled.reason);
      else addresses.push(...settled.addresses);
    }
    // One family without addresses is normal; a name without any is no use to its pod.
    if (reasons.size === 0 && addresses.length === 0) reasons.add("nodata");
    const reason = DNS_FAILURE_REASONS.find((r) => reasons.has(r));
    if (reason !== undefined) return { kind: "failed", reason, unanswered };
    const durationNs = this.#options.clock.monotonicNs() - this.#beganNs;
    return {
      kind: "resolved",
      durationNs: durationNs <= this.#options.timeoutMs * NS_PER_MS ? durationNs : undefined,
      addresses,
    };
  }

  #broken(err: NodeJS.ErrnoException): void {
    if (this.#over.signal.aborted) return;
    const errno = err.code ?? err.message;
    const verdict = errnoEvent(errno, conntrackState);
    if (verdict.kind !== "outcome") return this.#end({ kind: "local", errno });
    const unanswered = QUERY_TYPES.filter((type) => !this.#settled.has(type));
    this.#end({
      kind: "failed",
      reason: verdict.outcome.kind === "failed" ? verdict.outcome.reason : "closed",
      unanswered,
    });
  }

  #end(outcome: LookupOutcome): void {
    this.#over.abort();
    clearTimeout(this.#timer);
    this.#socket.close();
    this.#resolve(outcome);
  }
}

function judge(message: Answer | Extract<DnsMessage, { kind: "malformed" }>): Settled {
  if (message.kind === "malformed") return { kind: "failure", reason: "malformed" };
  if (message.rcode === NO_ERROR) return { kind: "addresses", addresses: message.addresses };
  return { kind: "failure", reason: RCODE_REASONS[message.rcode] ?? "other" };
}
