// The Location TLV of RFC 8972 §4.2, for one question: from which address did this packet come? The sender reserves the
// room (a Source IP Address sub-TLV of zeros), the reflector fills it in: a reply never grows. Pure.

/** Header 4, ports 4, one sub-TLV: header 4, value 16. */
export const LOCATION_TLV_BYTES = 28;

const TLV_LOCATION = 2;
const VALUE_BYTES = LOCATION_TLV_BYTES - 4;
/** RFC 8972 §4: a sender sets U (unrecognized), in sub-TLVs as well, and a reflector that understands it clears it. */
const UNRECOGNIZED = 0x80;
/** §4.2.1: what a sender asks, and what a reflector answers. All have a value of 16 octets. */
const SUB_TLV = { sourceIp: 7, sourceIpv4: 8, sourceIpv6: 9 } as const;
const ADDRESS_BYTES = 16;
const AT = {
  type: 1,
  length: 2,
  destinationPort: 4,
  sourcePort: 6,
  subFlags: 8,
  subType: 9,
  subLength: 10,
  address: 12,
};

/** Where a packet came from, as its receiver saw. */
export interface SeenSource {
  /** 4 or 16 octets, in network order. */
  readonly address: ArrayLike<number>;
  readonly port: number;
  /** Our own, which it came to. */
  readonly destinationPort: number;
}

export function writeLocationRequest(into: Uint8Array, at: number): void {
  write(into, at, UNRECOGNIZED, SUB_TLV.sourceIp);
}

export function writeLocation(into: Uint8Array, at: number, { address, port, destinationPort }: SeenSource): void {
  write(into, at, 0, address.length === 4 ? SUB_TLV.sourceIpv4 : SUB_TLV.sourceIpv6);
  into[at + AT.destinationPort] = destinationPort >> 8;
  into[at + AT.destinationPort + 1] = destinationPort & 0xff;
  into[at + AT.sourcePort] = port >> 8;
  into[at + AT.sourcePort + 1] = port & 0xff;
  into.set(address, at + AT.address);
}

/** Whether a sender asks there. */
export const asksLocation = (bytes: Uint8Array, at: number): boolean => subTypeAt(bytes, at) === SUB_TLV.sourceIp;

/** The address that a reflector tells there: 4 or 16 octets. */
export function readLocation(bytes: Uint8Array, at: number): Uint8Array | undefined {
  const subType = subTypeAt(bytes, at);
  if (subType !== SUB_TLV.sourceIpv4 && subType !== SUB_TLV.sourceIpv6) return undefined;
  const from = at + AT.address;
  return bytes.subarray(from, from + (subType === SUB_TLV.sourceIpv4 ? 4 : ADDRESS_BYTES));
}

function write(into: Uint8Array, at: number, flags: number, subType: number): void {
  into.fill(0, at, at + LOCATION_TLV_BYTES);
  into[at] = flags;
  into[at + AT.type] = TLV_LOCATION;
  into[at + AT.length + 1] = VALUE_BYTES;
  into[at + AT.subFlags] = flags;
  into[at + AT.subType] = subType;
  into[at + AT.subLength + 1] = ADDRESS_BYTES;
}

function subTypeAt(bytes: Uint8Array, at: number): number | undefined {
  const isOurs =
    bytes[at + AT.type] === TLV_LOCATION &&
    bytes[at + AT.length] === 0 &&
    bytes[at + AT.length + 1] === VALUE_BYTES &&
    bytes[at + AT.subLength] === 0 &&
    bytes[at + AT.subLength + 1] === ADDRESS_BYTES;
  return isOurs ? bytes[at + AT.subType] : undefined;
}
