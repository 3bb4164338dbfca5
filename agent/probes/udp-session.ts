// What the UDP prober keeps of one slot: its numbering, its sessions, the probes that a packet may still belong to.
import { ipFromBytes } from "../base/ip.ts";
import type { SocketAddress } from "../kernel/kernel.ts";
import type { Slot } from "../model/slot.ts";
import type { StampRequest } from "../wire/stamp.ts";
import { LossDirections, type ReflectorSeen } from "./loss-direction.ts";
import { randomU32 } from "./nonces.ts";
import type { MonotonicNs } from "./prober.ts";
import { UdpDelays } from "./udp-delays.ts";

/** Source ports of a family. ECMP spreads by them; more would only fill connection tracking. */
export const SOURCE_PORTS = 8;
/** Probes remembered for late and duplicate replies. */
const REMEMBERED = 32;

export interface UdpProbe {
  readonly slot: UdpSlot;
  /** Index of the source port. */
  readonly port: number;
  readonly sequence: number;
  readonly number: number;
  readonly nonceHigh: number;
  readonly nonceLow: number;
  /** Before the send call. */
  sentNs: MonotonicNs;
  /** The kernel's transmit stamp; NaN until it comes. */
  stampNs: number;
  /** `forgotten`: the send failed for a reason of our own machine; it was no probe. */
  state: "outstanding" | "answered" | "failed" | "refused" | "forgotten";
  /** As known when it was sent. */
  readonly reflector: ReflectorSeen | undefined;
  /** Packets dropped at the socket it was sent from, as last read before. */
  readonly socketDrops: number;
}

export class UdpSlot {
  readonly slot: Slot;
  readonly address: SocketAddress;
  readonly directions = new LossDirections();
  readonly delays = new UdpDelays();
  outstanding: UdpProbe | undefined;
  /** Number of the next probe. */
  next: number;
  /** Set when the slot is gone: what it still has in flight is nobody's. */
  closed = false;
  readonly #sequences = new Uint32Array(SOURCE_PORTS);
  readonly #recent: UdpProbe[] = [];
  #seen: { readonly bytes: Uint8Array; readonly text: string } | undefined;

  constructor(options: { readonly slot: Slot; readonly address: SocketAddress; readonly firstNumber: number }) {
    this.slot = options.slot;
    this.address = options.address;
    this.next = options.firstNumber;
  }

  /** The next probe, on the next source port. Slots begin at different ports so that none of them is favoured. */
  begin(options: { readonly sentNs: MonotonicNs; readonly socketDrops: (port: number) => number }): UdpProbe {
    const number = this.next++;
    const port = (this.slot.index + number) % SOURCE_PORTS;
    const probe: UdpProbe = {
      slot: this,
      port,
      sequence: this.#sequences[port]!++,
      number,
      nonceHigh: randomU32(),
      nonceLow: randomU32(),
      sentNs: options.sentNs,
      stampNs: Number.NaN,
      state: "outstanding",
      reflector: this.directions.reflector,
      socketDrops: options.socketDrops(port),
    };
    this.#recent[number % REMEMBERED] = probe;
    this.outstanding = probe;
    return probe;
  }

  /** The address that a reply tells, as text; that is made again only when it is another. */
  seenAs(bytes: Uint8Array | undefined): string | undefined {
    if (bytes === undefined) return undefined;
    const same = this.#seen?.bytes.length === bytes.length && this.#seen.bytes.every((byte, i) => byte === bytes[i]);
    if (!same) this.#seen = { bytes: bytes.slice(), text: ipFromBytes(bytes).text };
    return this.#seen!.text;
  }

  /** The probe that a packet says it belongs to, if the packet knows its secret. */
  match(claim: Pick<StampRequest, "port" | "number" | "nonceHigh" | "nonceLow">): UdpProbe | undefined {
    const probe = this.#recent[claim.number % REMEMBERED];
    if (probe === undefined || probe.number !== claim.number || probe.port !== claim.port) return undefined;
    return probe.nonceHigh === claim.nonceHigh && probe.nonceLow === claim.nonceLow ? probe : undefined;
  }
}
