// A little network in memory: packets travel in simulated time, and rules (faults) decide what becomes of each.
import { canonicalIp } from "./fake-address.ts";
import type { FakeClock } from "./fake-clock.ts";

export interface FakePacket {
  readonly protocol: "icmp" | "udp";
  readonly source: { readonly ip: string; readonly port: number };
  /** The port is 0 for ICMP. */
  readonly destination: { readonly ip: string; readonly port: number };
  /** UDP payload, or ICMP message. */
  readonly bytes: Uint8Array;
  readonly ttl: number;
  /** Size of the IP packet. */
  readonly ipBytes: number;
  readonly dontFragment: boolean;
}

/** What may happen to a packet. Several faults add up; the first `drop`, `icmp` or `errno` decides. */
export type Fault =
  | { readonly kind: "drop" }
  /** In addition to the network's own delay. */
  | { readonly kind: "delay"; readonly ns: number }
  | { readonly kind: "duplicate"; readonly afterNs?: number }
  /** Flip the lowest bit of this byte of the payload (negative counts from the end). */
  | { readonly kind: "corrupt"; readonly at: number }
  | { readonly kind: "replace"; readonly bytes: Uint8Array }
  /** The packet is gone and an ICMP error comes back. `quoteBytes`: how much of the payload it quotes (default all). */
  | {
      readonly kind: "icmp";
      readonly type: number;
      readonly code: number;
      readonly info?: number;
      readonly quoteBytes?: number;
      /** Who sends it; the target itself unless given. */
      readonly from?: string;
    }
  /** The send itself fails: nothing leaves. */
  | { readonly kind: "errno"; readonly errno: string }
  /** This packet gets no kernel stamp on the way out or on the way in. */
  | { readonly kind: "unstamped"; readonly transmit?: true; readonly receive?: true }
  /** The transmit stamp reaches the error queue this much later than the packet left. */
  | { readonly kind: "slow-stamp"; readonly ns: number };

export type PacketRule = (packet: FakePacket) => Fault | readonly Fault[] | undefined;

/** What a handshake meets. */
export type TcpFate =
  /** `lostSyns`: how many SYNs are lost before one gets through (the kernel sends again after 1, 3, 7 … s). */
  | { readonly kind: "establish"; readonly rttNs?: number; readonly lostSyns?: number }
  | { readonly kind: "refuse"; readonly lostSyns?: number }
  | { readonly kind: "hang" }
  | {
      readonly kind: "icmp";
      readonly type: number;
      readonly code: number;
      readonly errno: string;
      /** False: from a host on the way. */
      readonly fromTarget?: boolean;
    }
  /** connect() itself fails. */
  | { readonly kind: "errno"; readonly errno: string };

export type TcpRule = (to: { readonly ip: string; readonly port: number }) => TcpFate | undefined;

/** A machine on the network: what it does with a packet that arrives, and with an ICMP error for one it sent. */
export interface FakeHost {
  /** TCP ports with a listener. */
  readonly listening: ReadonlySet<number>;
  deliver(packet: FakePacket, arrival: { readonly atNs: number; readonly stamped: boolean }): void;
  deliverError(packet: FakePacket, error: Extract<Fault, { kind: "icmp" }>): void;
}

interface Event {
  readonly atNs: number;
  readonly order: number;
  readonly run: () => void;
}

export class FakeNetwork {
  readonly clock: FakeClock;
  /** One way, in nanoseconds. */
  delayNs = 1_000_000;
  /** How many routers take one off the TTL. */
  hops = 0;
  /** Every packet that left a host, in order, before its fate. */
  readonly sent: FakePacket[] = [];
  readonly #hosts = new Map<string, FakeHost>();
  readonly #rules = new Set<PacketRule>();
  readonly #tcpRules = new Set<TcpRule>();
  #events: Event[] = [];
  #order = 0;

  constructor(clock: FakeClock) {
    this.clock = clock;
  }

  /** Faults for packets; the rule lasts until disposed. */
  rule(rule: PacketRule): Disposable {
    this.#rules.add(rule);
    return { [Symbol.dispose]: () => void this.#rules.delete(rule) };
  }

  tcpRule(rule: TcpRule): Disposable {
    this.#tcpRules.add(rule);
    return { [Symbol.dispose]: () => void this.#tcpRules.delete(rule) };
  }

  faults(packet: FakePacket): readonly Fault[] {
    return [...this.#rules].flatMap((rule) => rule(packet) ?? []);
  }

  tcpFate(to: { readonly ip: string; readonly port: number }): TcpFate {
    for (const rule of this.#tcpRules) {
      const fate = rule(to);
      if (fate) return fate;
    }
    const host = this.host(to.ip);
    if (!host) return { kind: "hang" };
    return host.listening.has(to.port) ? { kind: "establish" } : { kind: "refuse" };
  }

  attach(ip: string, host: FakeHost): void {
    this.#hosts.set(canonicalIp(ip), host);
  }
  /** The host goes silent, as if its cable was cut. */
  detach(ip: string): void {
    this.#hosts.delete(canonicalIp(ip));
  }
  host(ip: string): FakeHost | undefined {
    return this.#hosts.get(canonicalIp(ip));
  }

  /** Run `run` when the clock has come to `atNs` (at the next look after it). */
  at(atNs: number, run: () => void): void {
    this.#events.push({ atNs, order: this.#order++, run });
  }

  /** Let everything happen that is due by now. The fake kernels call it at every system call. */
  settle(): void {
    const nowNs = this.clock.monotonicNs();
    for (;;) {
      let next: Event | undefined;
      for (const e of this.#events) {
        if (e.atNs <= nowNs && (!next || e.atNs < next.atNs || (e.atNs === next.atNs && e.order < next.order)))
          next = e;
      }
      if (!next) return;
      const due = next;
      this.#events = this.#events.filter((e) => e !== due);
      due.run();
    }
  }

  /** A packet leaves at `atNs`. Faults other than `errno` apply; the sender's kernel has asked for that before. */
  carry(packet: FakePacket, options: { readonly atNs: number; readonly faults: readonly Fault[] }): void {
    this.sent.push(packet);
    const { atNs, faults } = options;
    let bytes = packet.bytes;
    let delayNs = this.delayNs;
    const copiesAfterNs = [0];
    let stamped = true;
    for (const fault of faults) {
      switch (fault.kind) {
        case "drop":
          return;
        case "icmp":
          this.at(atNs + 2 * delayNs, () => this.host(packet.source.ip)?.deliverError(packet, fault));
          return;
        case "delay":
          delayNs += fault.ns;
          break;
        case "duplicate":
          copiesAfterNs.push(fault.afterNs ?? 0);
          break;
        case "corrupt": {
          bytes = bytes.slice();
          const at = fault.at < 0 ? bytes.length + fault.at : fault.at;
          bytes[at] = bytes[at]! ^ 1;
          break;
        }
        case "replace":
          bytes = fault.bytes;
          break;
        case "unstamped":
          if (fault.receive) stamped = false;
          break;
        case "errno":
        case "slow-stamp":
          break;
      }
    }
    for (const afterNs of copiesAfterNs) {
      const arrivesNs = atNs + delayNs + afterNs;
      const copy: FakePacket = { ...packet, bytes, ttl: packet.ttl - this.hops };
      this.at(arrivesNs, () => this.host(packet.destination.ip)?.deliver(copy, { atNs: arrivesNs, stamped }));
    }
  }

  /** Put a packet into a host's network stack as if it had just arrived: for forgeries. */
  inject(packet: Omit<FakePacket, "ttl" | "ipBytes" | "dontFragment"> & { readonly ttl?: number }): void {
    const whole: FakePacket = { ttl: 64, ipBytes: packet.bytes.length + 28, dontFragment: false, ...packet };
    this.host(packet.destination.ip)?.deliver(whole, { atNs: this.clock.monotonicNs(), stamped: true });
  }
}
