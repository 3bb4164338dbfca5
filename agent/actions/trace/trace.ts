// One trace: which probes to send when, and what is known from their fates. Hops are probed by packets whose hop limit
// ends there, the target by packets that go the whole way, each from every source port in turn.
//
// Routers limit how many such errors they send: Linux one a second to one address, after a burst of 6 (icmp_ratelimit).
// So a hop is asked once an interval, whatever the number of ports. A reflector has no such limit.
import type { MonotonicNs } from "../../probes/prober.ts";
import { WHOLE_WAY, type AskedProbe, type PathProbe } from "../path/path-probes.ts";
import { delaysOf, type Answerer, type Hop, type PortEnd, type Refusal, type TraceReport } from "./report.ts";

export interface TraceSettings {
  /** Probes of every hop from every source port. */
  readonly count: number;
  readonly ports: number;
  /** Between two probes of the same hop. */
  readonly intervalMs: number;
  readonly maxHops: number;
}

/** Hops in a row that may be silent before the rest is not asked. */
const SILENT_HOPS = 4;
/** Between two probes of the target from one port, by what is known of it. */
const END_GAP_MS = { answers: 200, silent: 1_000 } as const;
/** The target's kernel refuses one a second. */
const REFUSAL_GAP_MS = 1_000;
/** Probes of the target from each port, for each one of `count`. */
const END_PROBES = { answers: 10, silent: 2, refuses: 1 } as const;
/** More of them where one was lost: one lost probe of a port says nothing yet. */
const CONFIRMING_PROBES = 2;

interface Track {
  readonly probes: PathProbe[];
  dueNs: MonotonicNs;
}

export class Trace {
  readonly #settings: TraceSettings;
  readonly #send: (probe: AskedProbe) => PathProbe;
  readonly #hops = new Map<number, Track>();
  readonly #ends: readonly Track[];
  /** Hops to the target, itself included; Infinity until it has answered. */
  #length = Infinity;
  #target: keyof typeof END_PROBES | "unknown" = "unknown";

  constructor(settings: TraceSettings, send: (probe: AskedProbe) => PathProbe) {
    this.#settings = settings;
    this.#send = send;
    this.#ends = Array.from({ length: settings.ports }, () => ({ probes: [], dueNs: 0 }));
  }

  /** Send what is due. Call after what has come was taken. */
  tick(nowNs: MonotonicNs): void {
    this.#learn();
    this.#sendToTarget(nowNs);
    this.#sendToHops(nowNs);
  }

  get isOver(): boolean {
    const tracks = [...this.#wantedHops(), ...this.#ends];
    return (
      this.#target !== "unknown" &&
      this.#ends.every((end) => end.probes.length >= this.#endProbesOf(end)) &&
      this.#wantedHops().every(({ probes }) => probes.length >= this.#hopProbes) &&
      tracks.every(({ probes }) => probes.every(({ fate }) => fate.kind !== "outstanding"))
    );
  }

  /** Of all the probes that will be sent, as far as is known now. */
  get progress(): { readonly sent: number; readonly of: number } {
    const hops = this.#wantedHops();
    const endProbes = this.#ends.reduce((sum, end) => sum + this.#endProbesOf(end), 0);
    const sent = [...hops, ...this.#ends].reduce((sum, { probes }) => sum + probes.length, 0);
    return { sent, of: Math.max(sent, hops.length * this.#hopProbes + endProbes) };
  }

  report(): Pick<TraceReport, "hops" | "ends" | "refusals" | "unsent"> {
    const hops = [...this.#hops]
      .filter(([hop]) => hop < this.#length)
      .sort(([a], [b]) => a - b)
      .map(([hop, { probes }]) => hopOf(hop, decided(probes)));
    // Beyond the last that answers there is nothing to tell.
    const last = hops.findLastIndex(({ answered }) => answered > 0);
    const every = [...this.#hops.values(), ...this.#ends].flatMap(({ probes }) => probes);
    return {
      hops: this.#length === Infinity ? hops.slice(0, last + 1) : hops,
      ends: this.#ends.map(({ probes }) => endOf(decided(probes))),
      refusals: refusalsOf(every),
      unsent: countedBy(every.flatMap(({ fate }) => (fate.kind === "unsent" ? [fate.errno] : []))).map(
        ([errno, count]) => ({ errno, count }),
      ),
    };
  }

  get #hopProbes(): number {
    return this.#settings.count * this.#settings.ports;
  }

  #endProbesOf({ probes }: Track): number {
    const target = this.#target === "unknown" ? "silent" : this.#target;
    const isInDoubt = target === "refuses" && probes.some(({ fate }) => fate.kind === "lost");
    return this.#settings.count * END_PROBES[target] + (isInDoubt ? CONFIRMING_PROBES : 0);
  }

  #learn(): void {
    const hopProbes = [...this.#hops.values()].flatMap(({ probes }) => probes);
    for (const probe of [...this.#ends.flatMap(({ probes }) => probes), ...hopProbes]) {
      const { fate, hopLimit } = probe;
      if (fate.kind === "answered") {
        this.#target = "answers";
        const hops = hopsOf(probe);
        if (hops !== undefined) this.#length = Math.max(this.#isLengthKnown ? this.#length : 0, hops);
        else if (hopLimit < WHOLE_WAY) this.#length = Math.min(this.#length, hopLimit);
      } else if (fate.kind === "refused") {
        if (this.#target !== "answers") this.#target = "refuses";
        if (hopLimit < WHOLE_WAY) this.#length = Math.min(this.#length, hopLimit);
      }
    }
    const first = this.#ends[0]!.probes[0];
    if (this.#target === "unknown" && first && first.fate.kind !== "outstanding") this.#target = "silent";
  }

  get #isLengthKnown(): boolean {
    return this.#length !== Infinity;
  }

  /** The first alone: whether there is a reflector decides how fast the others may follow. */
  #sendToTarget(nowNs: MonotonicNs): void {
    const target = this.#target;
    if (target === "unknown") {
      if (this.#ends[0]!.probes.length === 0) this.#sendEnd(0, nowNs);
      return;
    }
    if (target === "refuses") {
      const lastNs = Math.max(...this.#ends.map(({ dueNs }) => dueNs));
      if (nowNs < lastNs + REFUSAL_GAP_MS * 1e6) return;
      // Those of which least is known take their turn first.
      const [next] = [...this.#ends.entries()]
        .filter(([, end]) => end.probes.length < this.#endProbesOf(end))
        .sort(([, a], [, b]) => a.probes.length - b.probes.length);
      if (next) this.#sendEnd(next[0], nowNs);
      return;
    }
    for (const [port, end] of this.#ends.entries()) {
      const wanted = this.#wantsMoreOfHops ? Infinity : this.#endProbesOf(end);
      if (end.probes.length < wanted && nowNs >= end.dueNs + END_GAP_MS[target] * 1e6) this.#sendEnd(port, nowNs);
    }
  }

  #sendEnd(port: number, nowNs: MonotonicNs): void {
    const end = this.#ends[port]!;
    end.dueNs = nowNs;
    end.probes.push(this.#send({ port, hopLimit: WHOLE_WAY }));
  }

  #sendToHops(nowNs: MonotonicNs): void {
    const { ports, intervalMs } = this.#settings;
    const farthest = this.#farthest();
    for (let hop = 1; hop <= farthest; hop++) {
      // Spread over the interval: of two packets from one port that a router quotes too little of, the newest is meant.
      if (!this.#hops.has(hop))
        this.#hops.set(hop, { probes: [], dueNs: nowNs + ((((hop - 1) * intervalMs) / 8) % intervalMs) * 1e6 });
      const track = this.#hops.get(hop)!;
      if (track.probes.length >= this.#hopProbes || nowNs < track.dueNs) continue;
      track.dueNs = Math.max(track.dueNs + intervalMs * 1e6, nowNs);
      track.probes.push(this.#send({ port: (track.probes.length + hop) % ports, hopLimit: hop }));
    }
  }

  get #wantsMoreOfHops(): boolean {
    return this.#wantedHops().some(({ probes }) => probes.length < this.#hopProbes);
  }

  #wantedHops(): Track[] {
    const farthest = this.#farthest();
    return [...this.#hops].filter(([hop]) => hop <= farthest).map(([, track]) => track);
  }

  /** The last hop that is worth asking. */
  #farthest(): number {
    if (this.#isLengthKnown) return Math.min(this.#length - 1, this.#settings.maxHops);
    const answering = [...this.#hops]
      .filter(([, { probes }]) => probes.some(({ fate }) => fate.kind === "expired"))
      .map(([hop]) => hop);
    return Math.min(Math.max(0, ...answering) + SILENT_HOPS, this.#settings.maxHops);
  }
}

const decided = (probes: readonly PathProbe[]) =>
  probes.filter(({ fate }) => fate.kind !== "outstanding" && fate.kind !== "unsent");

/** Routers on the way took one each. */
function hopsOf({ hopLimit, fate }: PathProbe): number | undefined {
  const there = fate.kind === "answered" ? fate.hopLimitThere : undefined;
  return there === undefined || there > hopLimit ? undefined : hopLimit - there + 1;
}

function hopOf(hop: number, probes: readonly PathProbe[]): Hop {
  const byAddress = Map.groupBy(
    probes.flatMap(({ port, fate }) => (fate.kind === "expired" ? [{ port, ...fate }] : [])),
    ({ by }) => by,
  );
  const routers = [...byAddress].map(([address, answers]): Answerer => {
    const rtt = delaysOf(answers.map(({ rttNs }) => rttNs));
    const ports = [...new Set(answers.map(({ port }) => port))].sort((a, b) => a - b);
    return { address, ports, answered: answers.length, ...(rtt && { rtt }) };
  });
  return {
    hop,
    sent: probes.length,
    answered: routers.reduce((sum, { answered }) => sum + answered, 0),
    routers: routers.sort((a, b) => b.answered - a.answered),
  };
}

function endOf(probes: readonly PathProbe[]): PortEnd {
  const fates = probes.map(({ fate }) => fate);
  const hops = probes.map(hopsOf).findLast((n) => n !== undefined);
  const rtt = delaysOf(fates.map((fate) => ("rttNs" in fate ? fate.rttNs : undefined)));
  return {
    sent: probes.length,
    answered: fates.filter(({ kind }) => kind === "answered").length,
    refused: fates.filter(({ kind }) => kind === "refused").length,
    ...(hops !== undefined && { hops }),
    ...(rtt && { rtt }),
  };
}

function refusalsOf(probes: readonly PathProbe[]): Refusal[] {
  const said = probes.flatMap(({ fate }) =>
    fate.kind === "blocked" || fate.kind === "unreachable" ? [`${fate.kind} ${fate.by}`] : [],
  );
  return countedBy(said).map(([words, count]) => {
    const [kind, by] = words.split(" ") as [Refusal["kind"], string];
    return { kind, by, count };
  });
}

function countedBy(words: readonly string[]): [string, number][] {
  return [...Map.groupBy(words, (word) => word)].map(([word, same]) => [word, same.length]);
}
