// Our STAMP test packets: the header of RFC 8762, then one TLV of RFC 8972 in the private-use range whose value is
// our body and its padding, then (where it is asked from which address the packet comes) the Location TLV, then (with a
// key) the HMAC TLV. The body carries what finds the probe again, what tells the direction of loss, and a checksum over
// the whole packet. An agent that knows no Location TLV takes its room for padding, both ways. Pure.
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { IpFamily, Network } from "../model/peer.ts";
import type { Arrivals } from "./arrivals.ts";
import { ntpDifferenceNs, writeNtp } from "./ntp.ts";
import {
  asksLocation,
  LOCATION_TLV_BYTES,
  readLocation,
  writeLocation,
  writeLocationRequest,
  type SeenSource,
} from "./stamp-location.ts";
import {
  AUTHENTICATED,
  HMAC_BYTES,
  HMAC_OFFSET,
  sameHmac,
  truncatedHmac,
  UNAUTHENTICATED,
  writeReflectorHeader,
  writeSenderHeader,
  type StampLayout,
} from "./stamp-header.ts";
import { hex64 } from "./hex64.ts";

const TLV_HEADER_BYTES = 4;
/** RFC 8972 §4: a sender sets U (unrecognized) and a reflector that understands the TLV clears it. */
const TLV_UNRECOGNIZED = 0x80;
/** RFC 8972 §5.1: 252 to 254 are for private use. */
const TLV_PRIVATE = 252;
/** RFC 8972 §4.8: over the sequence number and all TLVs in front of it. */
const TLV_HMAC = 8;
const TIMESTAMP_BYTES = 8;
/** RFC 8762 §4.3: what a reflector writes for a TTL that it could not read. */
export const TTL_UNKNOWN = 255;
const HMAC_TLV_BYTES = TLV_HEADER_BYTES + HMAC_BYTES;

const MAGIC = 0x494e5444; // "INTD"
const VERSION = 1;
const KIND = { request: 1, reply: 2 } as const;
type Kind = keyof typeof KIND;

/** The body, by offset from its start. Padding with a pattern follows it. */
const BODY = {
  magic: 0,
  version: 4,
  kind: 5,
  flags: 6,
  port: 7,
  slot: 8,
  number: 12,
  nonce: 16,
  incarnation: 24,
  source: 32,
  reflector: 40,
  highest: 48,
  arrivals: 52,
  drops: 60,
  followedNumber: 64,
  followedNs: 68,
  checksum: 72,
  bytes: 76,
} as const;
const FLAG = {
  nodeNetwork: 1,
  ipv6: 2,
  smallReply: 4,
  residenceKernel: 8,
  residenceUser: 16,
  followUp: 32,
  onDemand: 64,
} as const;
/** What a reply takes over of its request's flags. */
const REQUEST_FLAGS = FLAG.nodeNetwork | FLAG.ipv6 | FLAG.smallReply;

/** Eight bytes that name an agent's life, or a node's name. */
export type Id64 = Uint8Array & { readonly __brand: "id64" };

/** From 16 hex digits. */
export function id64(hex: string): Id64 {
  if (!/^[0-9a-f]{16}$/i.test(hex)) throw new TypeError(`'${hex}' is not 64 bits as 16 hex digits`);
  return Uint8Array.from(Buffer.from(hex, "hex")) as Id64;
}

/** What a node's name is on the wire: the first 64 bits of its SHA-256. */
export function nodeHash(nodeName: string): Id64 {
  return Uint8Array.from(createHash("sha256").update(nodeName).digest().subarray(0, 8)) as Id64;
}

/** The same as hex: what `ReceivedRequest.source` holds. */
export function nodeHashHex(nodeName: string): string {
  return Buffer.from(nodeHash(nodeName)).toString("hex");
}

export interface StampRequest {
  /** STAMP sequence of this session (slot and source port). */
  readonly sequence: number;
  /** Which of the sender's source ports. */
  readonly port: number;
  /** The sender's own index of the slot. */
  readonly slot: number;
  /** Counts the probes of the slot over all its sessions. */
  readonly number: number;
  readonly nonceHigh: number;
  readonly nonceLow: number;
  readonly network: Network;
  readonly family: IpFamily;
  /** Asks for a reply of the smallest size; such a packet is no probe of its slot and is not counted as one. */
  readonly smallReply: boolean;
  /** Beside the schedule: answered like any other, and counted nowhere. An agent of before actions counts it. */
  readonly onDemand?: boolean;
}

/**
 * When an earlier reply really left, told by the next one (the idea of RFC 8972 §4.7): a packet cannot carry the stamp
 * of its own departure.
 */
export interface FollowUp {
  /** Of the probe that the earlier reply answered. */
  readonly number: number;
  /** The kernel's transmit stamp minus the transmit time that the reply carried; within ±2 s. */
  readonly correctionNs: number;
}

export interface StampReply extends Omit<StampRequest, "network" | "family" | "smallReply" | "onDemand"> {
  /** Hex. */
  readonly reflector: string;
  readonly arrivals: Readonly<Arrivals>;
  readonly drops: number;
  /** Transmit minus receive time at the reflector, and how it was measured; NaN when its clock stepped in between. */
  readonly residenceNs: number;
  readonly residenceClock: "kernel" | "user" | "unknown";
  /** A reflector that sends one will also follow up on this reply. */
  readonly followUp: FollowUp | undefined;
  /** TTL or hop limit of the request when it arrived; undefined where the reflector could not read it. */
  readonly ttlThere: number | undefined;
  /** The address that the request came from, as the reflector saw it: 4 or 16 octets, valid as long as the packet is. */
  readonly seenAs: Uint8Array | undefined;
}

/** Why a packet is none of ours: `checksum` means it is, but for some bits; `key`, that its key is another, or missing. */
export type Fault = "short" | "foreign" | "version" | "checksum" | "key";
export type Decoded<T> = { readonly kind: "ok"; readonly value: T } | { readonly kind: "fault"; readonly fault: Fault };

/** What of a reply the reflector knows; the rest is copied from the request. */
export interface ReplyFields {
  readonly sequence: number;
  readonly receivedNs: number;
  readonly residenceClock: StampReply["residenceClock"];
  readonly ttl: number;
  readonly reflector: Id64;
  readonly arrivals: Readonly<Arrivals>;
  readonly drops: number;
  readonly followUp?: FollowUp | undefined;
  /** Told to a sender that asks. */
  readonly seen?: SeenSource | undefined;
}

/** A reply that lacks its transmit time only. */
export interface UnsealedReply {
  readonly bytes: Uint8Array;
  readonly untimedChecksum: number;
}

export interface ReceivedRequest extends StampRequest {
  /** Hex. */
  readonly incarnation: string;
  /** Hex; see `nodeHash`. */
  readonly source: string;
}

export class StampFormat {
  readonly #layout: StampLayout;
  readonly #key: Uint8Array | undefined;
  readonly #baseSeconds: number;
  readonly #body: number;
  /** The smallest packet: one without padding. */
  readonly minBytes: number;

  constructor(options: { readonly baseSeconds: number; readonly key?: Uint8Array | undefined }) {
    this.#key = options.key;
    this.#baseSeconds = options.baseSeconds;
    this.#layout = options.key ? AUTHENTICATED : UNAUTHENTICATED;
    this.#body = this.#layout.bytes + TLV_HEADER_BYTES;
    this.minBytes = this.#body + BODY.bytes + (options.key ? HMAC_TLV_BYTES : 0);
  }

  /** Fills all of `into`. `asksSource`: where there is room, ask from which address the packet comes. */
  encodeRequest(
    into: Uint8Array,
    request: StampRequest & {
      readonly sentNs: number;
      readonly incarnation: Id64;
      readonly source: Id64;
      readonly asksSource?: boolean;
    },
  ): void {
    const view = viewOf(into);
    const body = this.#body;
    // RFC 8972 §3: the SSID tells one sender's life from the next; 0 means none.
    const ssid = (request.incarnation[6]! << 8) | request.incarnation[7]! || 1;
    writeSenderHeader(view, this.#layout, {
      sequence: request.sequence,
      ssid,
      sentNs: request.sentNs,
      baseSeconds: this.#baseSeconds,
    });
    const asks = request.asksSource === true && into.length >= this.minBytes + LOCATION_TLV_BYTES;
    const bodyEnd = this.#end(into) - (asks ? LOCATION_TLV_BYTES : 0);
    this.#writeTlvHeader(into, TLV_UNRECOGNIZED, bodyEnd);
    into.fill(0, body, body + BODY.bytes);
    view.setUint32(body + BODY.magic, MAGIC);
    view.setUint8(body + BODY.version, VERSION);
    view.setUint8(body + BODY.kind, KIND.request);
    view.setUint8(
      body + BODY.flags,
      (request.network === "node" ? FLAG.nodeNetwork : 0) |
        (request.family === "ipv6" ? FLAG.ipv6 : 0) |
        (request.smallReply ? FLAG.smallReply : 0) |
        (request.onDemand ? FLAG.onDemand : 0),
    );
    view.setUint8(body + BODY.port, request.port);
    view.setUint32(body + BODY.slot, request.slot);
    view.setUint32(body + BODY.number, request.number);
    view.setUint32(body + BODY.nonce, request.nonceHigh);
    view.setUint32(body + BODY.nonce + 4, request.nonceLow);
    into.set(request.incarnation, body + BODY.incarnation);
    into.set(request.source, body + BODY.source);
    this.#fillPadding(into, bodyEnd);
    if (asks) writeLocationRequest(into, bodyEnd);
    this.#seal(into, { untimedChecksum: this.#untimedChecksum(into), tlvFlags: TLV_UNRECOGNIZED });
  }

  decodeRequest(bytes: Uint8Array): Decoded<ReceivedRequest> {
    const fault = this.#fault(bytes, "request");
    if (fault) return { kind: "fault", fault };
    const view = viewOf(bytes);
    const flags = view.getUint8(this.#body + BODY.flags);
    return {
      kind: "ok",
      value: {
        ...this.#identity(view),
        sequence: view.getUint32(this.#layout.sequence),
        network: flags & FLAG.nodeNetwork ? "node" : "pod",
        family: flags & FLAG.ipv6 ? "ipv6" : "ipv4",
        smallReply: (flags & FLAG.smallReply) !== 0,
        onDemand: (flags & FLAG.onDemand) !== 0,
        incarnation: hex64(view, this.#body + BODY.incarnation),
        source: hex64(view, this.#body + BODY.source),
      },
    };
  }

  /**
   * Writes the reply to a request that was decoded, all but its transmit time. Its size is that of the request, or the
   * smallest where the request asks for it. `sealReply` must follow.
   */
  encodeReply(into: Uint8Array, request: Uint8Array, reply: ReplyFields): UnsealedReply {
    const body = this.#body;
    const flags = request[body + BODY.flags]!;
    const bytes = flags & FLAG.smallReply ? this.minBytes : request.length;
    const out = into.subarray(0, bytes);
    const view = viewOf(out);
    writeReflectorHeader(view, this.#layout, { ...reply, baseSeconds: this.#baseSeconds, request: viewOf(request) });
    out.set(request.subarray(body, body + BODY.reflector), body);
    const askedAt = flags & FLAG.smallReply ? undefined : this.#locationAt(request);
    const seen = askedAt !== undefined && asksLocation(request, askedAt) ? reply.seen : undefined;
    const bodyEnd = seen ? askedAt! : this.#end(out);
    this.#writeTlvHeader(out, 0, bodyEnd);
    view.setUint8(body + BODY.kind, KIND.reply);
    const residence =
      reply.residenceClock === "kernel"
        ? FLAG.residenceKernel
        : reply.residenceClock === "user"
          ? FLAG.residenceUser
          : 0;
    view.setUint8(body + BODY.flags, (flags & REQUEST_FLAGS) | residence | (reply.followUp ? FLAG.followUp : 0));
    out.set(reply.reflector, body + BODY.reflector);
    view.setUint32(body + BODY.highest, reply.arrivals.highest);
    view.setUint32(body + BODY.arrivals, reply.arrivals.high);
    view.setUint32(body + BODY.arrivals + 4, reply.arrivals.low);
    view.setUint32(body + BODY.drops, reply.drops % 2 ** 32);
    view.setUint32(body + BODY.followedNumber, reply.followUp?.number ?? 0);
    view.setInt32(body + BODY.followedNs, Math.round(reply.followUp?.correctionNs ?? 0));
    this.#fillPadding(out, bodyEnd);
    if (seen) writeLocation(out, bodyEnd, seen);
    return { bytes: out, untimedChecksum: this.#untimedChecksum(out) };
  }

  /** The last thing before the packet leaves, and little of it: transmit time, its share of the checksum, HMACs. */
  sealReply({ bytes, untimedChecksum }: UnsealedReply, transmitNs: number): void {
    writeNtp(viewOf(bytes), this.#layout.timestamp, { ns: transmitNs, baseSeconds: this.#baseSeconds });
    this.#seal(bytes, { untimedChecksum, tlvFlags: 0 });
  }

  decodeReply(bytes: Uint8Array): Decoded<StampReply> {
    const fault = this.#fault(bytes, "reply");
    if (fault) return { kind: "fault", fault };
    const view = viewOf(bytes);
    const layout = this.#layout;
    const body = this.#body;
    const flags = view.getUint8(body + BODY.flags);
    const residenceClock = flags & FLAG.residenceKernel ? "kernel" : flags & FLAG.residenceUser ? "user" : "unknown";
    const ttlThere = view.getUint8(layout.sessionTtl);
    const locationAt = this.#locationAt(bytes);
    return {
      kind: "ok",
      value: {
        ...this.#identity(view),
        sequence: view.getUint32(layout.sessionSequence),
        reflector: hex64(view, body + BODY.reflector),
        arrivals: {
          highest: view.getUint32(body + BODY.highest),
          high: view.getUint32(body + BODY.arrivals),
          low: view.getUint32(body + BODY.arrivals + 4),
        },
        drops: view.getUint32(body + BODY.drops),
        residenceNs:
          residenceClock === "unknown" ? Number.NaN : ntpDifferenceNs(view, layout.timestamp, layout.receiveTimestamp),
        residenceClock,
        followUp:
          flags & FLAG.followUp
            ? {
                number: view.getUint32(body + BODY.followedNumber),
                correctionNs: view.getInt32(body + BODY.followedNs),
              }
            : undefined,
        ttlThere: ttlThere === TTL_UNKNOWN ? undefined : ttlThere,
        seenAs: locationAt === undefined ? undefined : readLocation(bytes, locationAt),
      },
    };
  }

  /**
   * The probe that a packet, or the beginning of one, says it belongs to: for looped frames, quotes in ICMP errors
   * and packets with bit errors. Undefined when too little is there.
   */
  peek(bytes: Uint8Array): Pick<StampRequest, "slot" | "port" | "number" | "nonceHigh" | "nonceLow"> | undefined {
    if (bytes.length < this.#body + BODY.incarnation) return undefined;
    const view = viewOf(bytes);
    return view.getUint32(this.#body + BODY.magic) === MAGIC ? this.#identity(view) : undefined;
  }

  #identity(view: DataView): Pick<StampRequest, "slot" | "port" | "number" | "nonceHigh" | "nonceLow"> {
    const body = this.#body;
    return {
      port: view.getUint8(body + BODY.port),
      slot: view.getUint32(body + BODY.slot),
      number: view.getUint32(body + BODY.number),
      nonceHigh: view.getUint32(body + BODY.nonce),
      nonceLow: view.getUint32(body + BODY.nonce + 4),
    };
  }

  #fault(bytes: Uint8Array, kind: Kind): Fault | undefined {
    if (bytes.length < this.minBytes) return "short";
    const view = viewOf(bytes);
    const body = this.#body;
    if (view.getUint32(body + BODY.magic) !== MAGIC) return this.#isOtherwiseKeyed(view) ? "key" : "foreign";
    if (view.getUint8(body + BODY.version) !== VERSION) return "version";
    if (view.getUint32(body + BODY.checksum) !== this.#timedChecksum(bytes, this.#untimedChecksum(bytes)))
      return "checksum";
    if (view.getUint8(body + BODY.kind) !== KIND[kind]) return "foreign";
    return this.#authentic(bytes, kind === "request" ? TLV_UNRECOGNIZED : 0) ? undefined : "key";
  }

  /** A packet of ours from an agent that has a key where we have none, or the other way round. */
  #isOtherwiseKeyed(view: DataView): boolean {
    const body = (this.#key ? UNAUTHENTICATED : AUTHENTICATED).bytes + TLV_HEADER_BYTES;
    return view.byteLength >= body + 4 && view.getUint32(body + BODY.magic) === MAGIC;
  }

  #writeTlvHeader(into: Uint8Array, flags: number, bodyEnd: number): void {
    const at = this.#layout.bytes;
    const valueBytes = bodyEnd - this.#body;
    into[at] = flags;
    into[at + 1] = TLV_PRIVATE;
    into[at + 2] = valueBytes >> 8;
    into[at + 3] = valueBytes & 0xff;
  }

  /** Where the Location TLV is, if our own one leaves room for it. An agent that knows of none leaves no room. */
  #locationAt(bytes: Uint8Array): number | undefined {
    const lengthAt = this.#layout.bytes + 2;
    const at = this.#body + ((bytes[lengthAt]! << 8) | bytes[lengthAt + 1]!);
    return at + LOCATION_TLV_BYTES === this.#end(bytes) ? at : undefined;
  }

  /** Where all TLVs end but that of the HMAC. */
  #end(bytes: Uint8Array): number {
    return bytes.length - (this.#key ? HMAC_TLV_BYTES : 0);
  }

  /** Alternating densities of ones, so that stuck and flipped bits both show. */
  #fillPadding(into: Uint8Array, end: number): void {
    for (let i = this.#body + BODY.bytes; i < end; i++) into[i] = (i * 0x9d + 0x5a) & 0xff;
  }

  /** CRC-32 of everything but itself, the HMACs (which protect themselves) and the timestamp. */
  #untimedChecksum(bytes: Uint8Array): number {
    const { timestamp, bytes: headerBytes } = this.#layout;
    const at = this.#body + BODY.checksum;
    let sum = crc32(bytes.subarray(0, timestamp));
    sum = crc32(bytes.subarray(timestamp + TIMESTAMP_BYTES, this.#key ? HMAC_OFFSET : headerBytes), sum);
    sum = crc32(bytes.subarray(headerBytes, at), sum);
    return crc32(bytes.subarray(at + 4, this.#end(bytes)), sum);
  }

  /** The timestamp comes last, so that a reply can be ready before its time is read. */
  #timedChecksum(bytes: Uint8Array, untimedChecksum: number): number {
    const { timestamp } = this.#layout;
    return crc32(bytes.subarray(timestamp, timestamp + TIMESTAMP_BYTES), untimedChecksum);
  }

  #seal(
    bytes: Uint8Array,
    { untimedChecksum, tlvFlags }: { readonly untimedChecksum: number; readonly tlvFlags: number },
  ): void {
    viewOf(bytes).setUint32(this.#body + BODY.checksum, this.#timedChecksum(bytes, untimedChecksum));
    if (!this.#key) return;
    bytes.set(truncatedHmac(this.#key, bytes.subarray(0, HMAC_OFFSET)), HMAC_OFFSET);
    const tlv = this.#end(bytes);
    bytes.set([tlvFlags, TLV_HMAC, 0, HMAC_BYTES], tlv);
    bytes.set(this.#tlvHmac(bytes, this.#key), tlv + TLV_HEADER_BYTES);
  }

  #authentic(bytes: Uint8Array, tlvFlags: number): boolean {
    if (!this.#key) return true;
    const tlv = this.#end(bytes);
    if (bytes[tlv] !== tlvFlags || bytes[tlv + 1] !== TLV_HMAC || bytes[tlv + 2] !== 0 || bytes[tlv + 3] !== HMAC_BYTES)
      return false;
    const header = sameHmac(
      bytes.subarray(HMAC_OFFSET, HMAC_OFFSET + HMAC_BYTES),
      truncatedHmac(this.#key, bytes.subarray(0, HMAC_OFFSET)),
    );
    return sameHmac(bytes.subarray(tlv + TLV_HEADER_BYTES), this.#tlvHmac(bytes, this.#key)) && header;
  }

  #tlvHmac(bytes: Uint8Array, key: Uint8Array): Uint8Array {
    return truncatedHmac(key, bytes.subarray(0, 4), bytes.subarray(this.#layout.bytes, this.#end(bytes)));
  }
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
