// What a pair protocol says of itself, in one place: everything that knows protocols derives from it (protocols.ts).
// Engines and answering ends are loaded when they are needed: the table is read where nothing is ever sent.
import type * as z from "zod";
import type { Clock } from "../base/clock.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { IpFamily, Network } from "../model/peer.ts";
import type { Slot } from "../model/slot.ts";
import type { UdpReflector, UdpReflectorOptions } from "../reflector/udp-reflector.ts";
import type { TcpResponderOptions } from "../reflector/tcp-responder.ts";
import type { ConntrackState } from "./kernel-events.ts";
import type { OutcomeSink, Prober } from "./prober.ts";

/** Options that every protocol has. */
export interface CommonSettings {
  readonly networks: readonly Network[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** Where outcomes of pairs go: with what only one protocol counts. */
export interface PairSink extends OutcomeSink {
  /** `counter` is one of the descriptor's own. */
  count(slot: Slot, counter: string, n: number): void;
}

export interface ProberOptions<Settings> {
  readonly clock: Clock;
  readonly sink: PairSink;
  readonly settings: Settings;
  /** The peers' probe port. */
  readonly probePort: number;
  readonly families: readonly IpFamily[];
  /** Name of this node. */
  readonly source: string;
  /** This agent's, 16 hex digits. */
  readonly incarnation: string;
  /** For authenticated STAMP. */
  readonly key?: Uint8Array | undefined;
  readonly conntrack: () => ConntrackState;
  /** Number of the first probe of a slot; above all that this incarnation has used. 0 unless given. */
  readonly firstNumber?: number;
  /** Probes beside the schedule's: the peer answers them and counts none. */
  readonly onDemand?: boolean;
}

/** What the peer must run. */
export type AnsweringEnd =
  /** Nothing: its kernel answers. */
  | { readonly kind: "kernel" }
  /** Listens at the probe port and acts by itself. */
  | { readonly kind: "responder"; open(options: TcpResponderOptions): Promise<AsyncDisposable> }
  /** Answers on the tick, and says what arrived there: path MTU is measured by its answers, too. */
  | { readonly kind: "reflector"; open(options: UdpReflectorOptions): Promise<UdpReflector> };

/** A counter that only this protocol has, on every pair: at 0 from the moment the slot exists. */
export interface OwnCounter {
  readonly name: string;
  readonly unit: "probes" | "packets" | "events";
  readonly help: string;
  /** What is counted, each as a series: under this label, or as the one series without. */
  readonly label?: string;
  readonly counts: readonly string[];
  /** Of these the series come only when first seen. */
  readonly createdLater?: readonly string[];
}

/** What a probe with its answer costs a network, for the totals of the chart: IP packets and their bytes. */
export interface ProbeCost {
  readonly packets: number;
  /** Of a packet, without the bytes of the option `payload`. */
  readonly packetBytes: number;
  readonly payload?: string;
}

/** How its packets look to a filter (lab): the IP protocol number, and where only some are probes, their types. */
export interface OnTheWire {
  readonly ipv4: { readonly protocol: number };
  readonly ipv6: { readonly protocol: number; readonly icmpTypes?: readonly number[] };
}

export interface Refusal {
  readonly engine: "kernel" | "userspace";
  /** `code` of the error, where it has one. */
  readonly code: string | undefined;
}

export interface PairProtocol<Shape extends z.ZodRawShape = z.ZodRawShape, P extends Prober = Prober> {
  /** Where and how often it is probed when nobody says otherwise. */
  readonly defaults: CommonSettings;
  /** Options besides those that all have. */
  readonly options: Shape;
  /** Throws, or rejects, what the machine refuses. */
  kernel(options: ProberOptions<SettingsOf<Shape>> & { readonly kernel: Kernel }): Promise<P>;
  userspace(options: ProberOptions<SettingsOf<Shape>>): Promise<P>;
  readonly answering: AnsweringEnd;
  /** By the name of the metric in the catalogue. */
  readonly counters: Readonly<Record<string, OwnCounter>>;
  /** What to do about a machine that refuses it. */
  cure(refusal: Refusal): string;
  readonly cost: ProbeCost;
  readonly onTheWire: OnTheWire;
}

export type SettingsOf<Shape extends z.ZodRawShape> = CommonSettings & {
  readonly [K in keyof Shape]: z.infer<Shape[K]>;
};

/** Says what a module holds, and keeps its own types. */
export const pairProtocol = <
  Shape extends z.ZodRawShape,
  P extends Prober,
  const Counters extends Readonly<Record<string, OwnCounter>>,
>(
  protocol: Omit<PairProtocol<Shape, P>, "counters"> & { readonly counters: Counters },
) => protocol;

/** The cure of what needs no rights: a port or a descriptor is taken. */
export const IS_TAKEN =
  "stop what holds the port or the descriptors, or switch the protocol off: set its networks to none";
