// One slot of a compact row, as it is written and as it is read: see compact-row.ts for the order of the bytes.
import { stays } from "../base/stays.ts";
import { IP_FAMILIES, NETWORKS, type IpFamily, type Network, type Protocol } from "../model/peer.ts";
import { countsOf, type SlotCounts } from "../model/slot-counts.ts";
import type { PairWindow } from "../model/snapshot.ts";
import { ByteReader, type ByteWriter } from "./row-bytes.ts";
import { RowError } from "./schema.ts";

/** What a slot tells besides probes and failures, as far as there is something. A bit each, in this order; new ones at the end. */
const PARTS = {
  reasons: 1,
  refusals: 2,
  retransmits: 4,
  directions: 8,
  delays: 16,
  lostSeconds: 32,
  ports: 64,
  hops: 128,
  hopsThere: 256,
  hopsChange: 512,
  seenAs: 1_024,
  delayLately: 2_048,
} as const;

/** What stands for them; a newer one goes to the end. */
const PROTOCOLS: readonly Protocol[] = ["icmp", "tcp", "udp"];

export interface Path {
  readonly network: Network;
  readonly protocol: Protocol;
  readonly family: IpFamily;
}

export const pathByte = ({ network, protocol, family }: Path): number =>
  NETWORKS.indexOf(network) | (IP_FAMILIES.indexOf(family) << 1) | (PROTOCOLS.indexOf(protocol) << 2);

/** In the order of their bytes: all combinations. */
export const PATHS: readonly Path[] = PROTOCOLS.flatMap((protocol) =>
  IP_FAMILIES.flatMap((family) => NETWORKS.map((network) => ({ network, protocol, family }))),
);

/** `addresses`: those of the row, which a slot names by number. */
export function writeSlot(
  out: ByteWriter,
  pair: PairWindow,
  { destination, addresses }: { readonly destination: number; readonly addresses: readonly string[] },
): void {
  const counts = countsOf(pair);
  const { blocked = 0, unreachable = 0, refusals = 0, retransmits = 0, lostForward = 0, lostReverse = 0 } = counts;
  const { rttMeanNs, rttMinNs, rttLatelyNs, lostSeconds, ports, hops, hopsThere, hopsChangedAt } = counts;
  const seenAs = counts.seenAs === undefined ? -1 : addresses.indexOf(counts.seenAs);
  const parts =
    (blocked + unreachable > 0 ? PARTS.reasons : 0) |
    (refusals > 0 ? PARTS.refusals : 0) |
    (retransmits > 0 ? PARTS.retransmits : 0) |
    (lostForward + lostReverse > 0 ? PARTS.directions : 0) |
    (rttMeanNs !== undefined && rttMinNs !== undefined ? PARTS.delays : 0) |
    (lostSeconds ? PARTS.lostSeconds : 0) |
    (ports ? PARTS.ports : 0) |
    (hops !== undefined ? PARTS.hops : 0) |
    (hopsThere !== undefined ? PARTS.hopsThere : 0) |
    (hopsChangedAt !== undefined ? PARTS.hopsChange : 0) |
    (seenAs >= 0 ? PARTS.seenAs : 0) |
    (rttLatelyNs !== undefined ? PARTS.delayLately : 0);
  out.u16(destination);
  out.u8(pathByte(pair));
  out.u16(counts.probes);
  out.u16(counts.failures);
  out.u16(parts);
  const lengthAt = out.reserve();
  if (parts & PARTS.reasons) {
    out.u16(blocked);
    out.u16(unreachable);
  }
  if (parts & PARTS.refusals) out.u16(refusals);
  if (parts & PARTS.retransmits) out.u16(retransmits);
  if (parts & PARTS.directions) {
    out.u16(lostForward);
    out.u16(lostReverse);
  }
  if (parts & PARTS.delays) {
    out.f32(rttMeanNs!);
    out.f32(rttMinNs!);
  }
  if (lostSeconds) for (const word of lostSeconds) out.u32(word);
  if (ports) {
    out.u8(ports.probes.length);
    for (let port = 0; port < ports.probes.length; port++) {
      out.u8(ports.probes[port]!);
      out.u8(ports.failures[port]!);
    }
  }
  if (hops !== undefined) out.u8(hops);
  if (hopsThere !== undefined) out.u8(hopsThere);
  if (hopsChangedAt !== undefined) {
    out.u8(counts.hopsBefore ?? 0);
    out.u8(counts.hopsThereBefore ?? 0);
    out.u32(hopsChangedAt);
  }
  if (seenAs >= 0) out.u8(seenAs);
  if (rttLatelyNs !== undefined) out.f32(rttLatelyNs);
  out.fillLength(lengthAt);
}

const MOST_DELAY_NS = 3_600e9;

const NO_PORTS = { probes: new Uint8Array(0), failures: new Uint8Array(0) };

/**
 * Reads one slot after the other into itself: a mesh has tens of thousands, and an object for each costs more than all
 * the rest of reading. Who is given one copies what it keeps.
 */
export class SlotReader implements SlotCounts {
  destination = 0;
  path = 0;
  probes = 0;
  failures = 0;
  blocked = 0;
  unreachable = 0;
  refusals = 0;
  retransmits = 0;
  lostForward = 0;
  lostReverse = 0;
  /** NaN where it is not told, as in evidence; numbers of other kinds are 0 then, and objects undefined. */
  rttMeanNs = Number.NaN;
  rttMinNs = Number.NaN;
  rttLatelyNs: number | undefined;
  lostSeconds: readonly [number, number] | undefined;
  ports: SlotCounts["ports"];
  hops = 0;
  hopsThere = 0;
  hopsBefore = 0;
  hopsThereBefore = 0;
  hopsChangedAt: number | undefined;
  seenAs: string | undefined;
  readonly #input: ByteReader;
  readonly #addresses: readonly string[];
  readonly #lostSeconds: [number, number] = [0, 0];
  #ports = NO_PORTS;
  #hasDelays = false;

  constructor(input: ByteReader, addresses: readonly string[]) {
    this.#input = input;
    this.#addresses = addresses;
  }

  /** Throws RangeError beyond the end, and RowError of what the slot cannot hold. */
  next(): void {
    const input = this.#input;
    this.destination = input.u16();
    this.path = input.u8();
    this.probes = input.u16();
    this.failures = input.u16();
    const parts = input.u16();
    const bytes = input.u8();
    const end = input.at + bytes;
    const hasReasons = (parts & PARTS.reasons) !== 0;
    this.blocked = hasReasons ? input.u16() : 0;
    this.unreachable = hasReasons ? input.u16() : 0;
    this.refusals = parts & PARTS.refusals ? input.u16() : 0;
    this.retransmits = parts & PARTS.retransmits ? input.u16() : 0;
    const hasDirections = (parts & PARTS.directions) !== 0;
    this.lostForward = hasDirections ? input.u16() : 0;
    this.lostReverse = hasDirections ? input.u16() : 0;
    const hasDelays = (parts & PARTS.delays) !== 0;
    this.rttMeanNs = hasDelays ? input.f32() : Number.NaN;
    this.rttMinNs = hasDelays ? input.f32() : Number.NaN;
    this.lostSeconds = parts & PARTS.lostSeconds ? this.#readLostSeconds() : undefined;
    this.ports = parts & PARTS.ports ? this.#readPorts() : undefined;
    this.hops = parts & PARTS.hops ? input.u8() : 0;
    this.hopsThere = parts & PARTS.hopsThere ? input.u8() : 0;
    const hasChange = (parts & PARTS.hopsChange) !== 0;
    this.hopsBefore = hasChange ? input.u8() : 0;
    this.hopsThereBefore = hasChange ? input.u8() : 0;
    this.hopsChangedAt = hasChange ? input.u32() : undefined;
    this.seenAs = parts & PARTS.seenAs ? this.#addresses[input.u8()] : undefined;
    this.rttLatelyNs = parts & PARTS.delayLately ? input.f32() : undefined;
    if (input.at > end) throw new RowError("its row is invalid: a slot that says more than it is long");
    // What a newer agent says besides.
    input.pass(end - input.at);
    this.#hasDelays = hasDelays;
  }

  /** The same that a row as JSON must keep to (schema.ts). */
  check(): void {
    const { probes, failures, ports } = this;
    if (failures + this.refusals > probes)
      throw new RowError("its row is invalid: more failures and refusals than probes");
    if (this.lostForward + this.lostReverse > failures || this.blocked + this.unreachable > failures)
      throw new RowError("its row is invalid: more packets with a direction or a reason than failures");
    if (this.#hasDelays) this.#checkDelays();
    if (this.rttLatelyNs !== undefined && !(this.rttLatelyNs >= 0 && this.rttLatelyNs <= MOST_DELAY_NS))
      throw new RowError("its row is invalid: an RTT that cannot be");
    for (let port = 0; port < (ports?.probes.length ?? 0); port++)
      if (ports!.failures[port]! > ports!.probes[port]!)
        throw new RowError("its row is invalid: more failures than probes of a source port");
  }

  #checkDelays(): void {
    const { rttMeanNs, rttMinNs, failures, refusals, probes } = this;
    const inOrder = rttMinNs >= 0 && rttMinNs <= rttMeanNs * (1 + 1e-6) + 1 && rttMeanNs <= MOST_DELAY_NS;
    if (!inOrder || failures + refusals >= probes) throw new RowError("its row is invalid: an RTT that cannot be");
  }

  #readLostSeconds(): readonly [number, number] {
    this.#lostSeconds[0] = this.#input.u32();
    this.#lostSeconds[1] = this.#input.u32();
    return this.#lostSeconds;
  }

  #readPorts(): NonNullable<SlotCounts["ports"]> {
    const count = this.#input.u8();
    if (count !== this.#ports.probes.length)
      this.#ports = { probes: new Uint8Array(count), failures: new Uint8Array(count) };
    const { probes, failures } = this.#ports;
    for (let port = 0; port < count; port++) {
      probes[port] = this.#input.u8();
      failures[port] = this.#input.u8();
    }
    return this.#ports;
  }
}

stays(new SlotReader(new ByteReader(Buffer.alloc(0)), []));
