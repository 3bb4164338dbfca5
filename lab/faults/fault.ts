// What a fault is, once its text is understood, and what every kind of fault can do.
import type { Network, Protocol } from "../../agent/model/peer.ts";
import type { AgentProcess } from "../agent-process.ts";
import type { DnsAnswer } from "../dns-messages.ts";
import type { DnsServer } from "../dns-server.ts";
import type { LabNode, LabPaths, LabRouter } from "../plan.ts";
import type { Detour } from "./detour.ts";

/** One way from a node to another. */
export interface Link {
  readonly from: LabNode;
  readonly to: LabNode;
}

/** A fault that comes and goes: there at first, and again with each period. */
export interface Pulse {
  readonly forMs: number;
  readonly everyMs: number;
}

/** What becomes of packets that wait for a processor, in the words of the kernel's counters (/proc/net/softnet_stat). */
export const SOFTNET_EFFECTS = ["drops", "squeezes"] as const;
export type SoftnetEffect = (typeof SOFTNET_EFFECTS)[number];

interface Written {
  /** As it was written, single spaces. */
  readonly text: string;
  readonly pulse?: Pulse;
}

interface OnLinks extends Written {
  readonly links: readonly Link[];
  readonly on: readonly Network[];
}

interface OnPaths extends OnLinks {
  /** Only what takes one of these of the underlay's equal paths. */
  readonly via?: readonly LabRouter[];
}

interface OnAgents extends Written {
  readonly nodes: readonly LabNode[];
}

/** Ratios are 0 to 1. */
export type Fault =
  | (OnPaths & { readonly kind: "loss"; readonly ratio: number })
  | (OnPaths & { readonly kind: "drop" })
  | (OnLinks & { readonly kind: "reorder" | "duplicate"; readonly ratio: number })
  | (OnLinks & { readonly kind: "unroute" | "misdirect" | "extra-hop" | "take-address" | "neighbours-full" })
  | (OnLinks & { readonly kind: "delay"; readonly delayMs: number })
  | (OnLinks & { readonly kind: "softnet"; readonly effect: SoftnetEffect })
  /** `isSilent`: no checksum on the way notices. */
  | (OnLinks & { readonly kind: "corrupt"; readonly ratio: number; readonly isSilent: boolean })
  /** Largest IP packet that passes. */
  | (OnLinks & { readonly kind: "mtu"; readonly bytes: number })
  | (OnLinks & { readonly kind: "filter" | "reject"; readonly protocol: Protocol })
  | (OnAgents & { readonly kind: "freeze" | "kill" | "service-path" | "masquerade" | "conntrack-full" })
  | (OnAgents & { readonly kind: "throttle"; readonly bitsPerSecond: number })
  | (OnAgents & { readonly kind: "link-mtu"; readonly bytes: number })
  | (OnAgents & { readonly kind: "dns"; readonly answer: DnsAnswer })
  | (OnAgents & { readonly kind: "starve" | "rack"; readonly ratio: number });

export type FaultKind = Fault["kind"];
type Has<F extends Fault, K extends FaultKind> = F extends unknown
  ? K extends F["kind"]
    ? F & { readonly kind: K }
    : never
  : never;
export type FaultOf<K extends FaultKind> = Has<Fault, K>;

export interface FaultCounters {
  /** Packets that were on the fault's links and networks. */
  readonly matched: number;
  /** Of these, what the fault did something to: dropped, held back, doubled, damaged. */
  readonly affected: number;
  /** Of the dropped, those that carried a protocol that is probed; what else agents send each other (rows over TCP) is in `tcp`. */
  readonly byProtocol?: Readonly<Record<string, number>>;
}

/** A fault that is in force. Counters are undefined for faults that are not of packets. */
export interface InForce {
  counters(): Promise<FaultCounters | undefined>;
  /** To be called once. Returns the last counters: every packet the fault took is in them. */
  end(): Promise<FaultCounters | undefined>;
  /** In place of `end` when the lab is being removed: what runs on its own stops, nothing is put back. */
  abandon?(): void;
}

/** What a fault may lay hands on. */
export interface FaultContext {
  /** Number of the fault, unique in its lab: names its nftables table. */
  readonly id: number;
  readonly labId: string;
  readonly nodes: readonly LabNode[];
  readonly paths: LabPaths | undefined;
  readonly fabricNamespace: string;
  readonly detour: Detour;
  /** Undefined where the lab has none. */
  readonly dnsServer: DnsServer | undefined;
  agent(node: LabNode): AgentProcess;
}

/** One line of the table of faults. */
export interface FaultSpec<K extends FaultKind = FaultKind> {
  /** How it is written. */
  readonly syntax: string;
  readonly summary: string;
  readonly example: string;
  /** What `affected` packets are called. */
  readonly affected: string;
  inject(fault: FaultOf<K>, context: FaultContext): Promise<InForce>;
}
