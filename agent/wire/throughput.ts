// What the packets of a throughput run begin with, and the first bytes of its TCP streams: whose they are, and for UDP
// their number and when they left. The rest is filling. Pure.

/** "INTP". */
const MAGIC = 0x494e5450;
const KIND = { hello: 1, data: 2, end: 3 } as const;
export type BulkKind = keyof typeof KIND;
const KINDS = Object.entries(KIND) as readonly [BulkKind, number][];

const AT = { magic: 0, kind: 4, stream: 5, session: 8, sequence: 16, sentNs: 20 } as const;
export const BULK_HEADER_BYTES = 32;
export const SESSION_HEX = /^[0-9a-f]{16}$/;

export interface BulkHeader {
  readonly kind: BulkKind;
  readonly stream: number;
  /** Of `data` the number of the packet in its stream, from 0; of `end` how many there were. */
  readonly sequence: number;
  /** By the sender's clock, whatever that counts from. */
  readonly sentNs: number;
}

/** `session`: 16 hex digits that the receiving end was opened with. */
export function writeBulkHeader(into: Uint8Array, session: string, header: BulkHeader): void {
  const view = new DataView(into.buffer, into.byteOffset, BULK_HEADER_BYTES);
  into.fill(0, 0, BULK_HEADER_BYTES);
  view.setUint32(AT.magic, MAGIC);
  view.setUint8(AT.kind, KIND[header.kind]);
  view.setUint8(AT.stream, header.stream);
  view.setUint32(AT.session, Number.parseInt(session.slice(0, 8), 16));
  view.setUint32(AT.session + 4, Number.parseInt(session.slice(8), 16));
  writeBulkNumber(into, header);
}

/** The two fields that change from packet to packet of a stream. */
export function writeBulkNumber(into: Uint8Array, { sequence, sentNs }: Pick<BulkHeader, "sequence" | "sentNs">): void {
  const view = new DataView(into.buffer, into.byteOffset, BULK_HEADER_BYTES);
  view.setUint32(AT.sequence, sequence);
  view.setFloat64(AT.sentNs, sentNs);
}

/** Undefined for what is not of this session. */
export function readBulkHeader(bytes: Uint8Array, session: string): BulkHeader | undefined {
  if (bytes.length < BULK_HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, BULK_HEADER_BYTES);
  if (view.getUint32(AT.magic) !== MAGIC) return undefined;
  if (view.getUint32(AT.session) !== Number.parseInt(session.slice(0, 8), 16)) return undefined;
  if (view.getUint32(AT.session + 4) !== Number.parseInt(session.slice(8), 16)) return undefined;
  const kind = KINDS.find(([, number]) => number === view.getUint8(AT.kind))?.[0];
  if (kind === undefined) return undefined;
  const sentNs = view.getFloat64(AT.sentNs);
  if (!Number.isFinite(sentNs)) return undefined;
  return { kind, stream: view.getUint8(AT.stream), sequence: view.getUint32(AT.sequence), sentNs };
}
