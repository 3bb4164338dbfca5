// DNS messages as far as a lookup needs them: one question out, its answers back (RFC 1035 §4, AAAA: RFC 3596).
// Pure and bounded: a hostile answer costs at most its own length and is told as malformed. (dns-packet 5.6 was tried: it
// reads every record of every section, names and all. An ordinary answer costs the same, 3 to 5 µs; 64 KiB of records
// whose names point at a long one hold the event loop for 27 ms, here for 0.03 ms.)

export const QUERY_TYPES = ["A", "AAAA"] as const;
export type QueryType = (typeof QUERY_TYPES)[number];

const TYPE_CODES: Readonly<Record<QueryType, number>> = { A: 1, AAAA: 28 };
const ADDRESS_BYTES: Readonly<Record<QueryType, number>> = { A: 4, AAAA: 16 };
const CLASS_IN = 1;

const HEADER_BYTES = 12;
const FLAG_RESPONSE = 0x8000;
const FLAG_TRUNCATED = 0x0200;
const FLAG_RECURSION_DESIRED = 0x0100;
const OPCODE_MASK = 0x7800;
const RCODE_MASK = 0x000f;

const MAX_LABEL_BYTES = 63;
const MAX_NAME_BYTES = 255;
const POINTER = 0xc0;

export interface DnsQuestion {
  readonly id: number;
  readonly name: string;
  readonly type: QueryType;
}

export type DnsMessage =
  | {
      readonly kind: "answer";
      /** RFC 1035 §4.1.1: 0 no error, 1 format error, 2 server failure, 3 no such name, 4 not implemented, 5 refused. */
      readonly rcode: number;
      /** The answer did not fit into a datagram: ask again over TCP. */
      readonly truncated: boolean;
      /** Addresses of the type asked for; a chain of aliases in front of them is passed over. */
      readonly addresses: readonly string[];
    }
  /** For our question, but not to be understood. */
  | { readonly kind: "malformed"; readonly reason: string }
  /** No answer to our question: another's, a spoofer's, or a query. */
  | { readonly kind: "foreign" };

/** Throws RangeError for a name that DNS cannot carry. */
export function encodeQuery({ id, name, type }: DnsQuestion): Uint8Array {
  const labels = encodeName(name);
  const bytes = new Uint8Array(HEADER_BYTES + labels.length + 4);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, id);
  view.setUint16(2, FLAG_RECURSION_DESIRED);
  view.setUint16(4, 1);
  bytes.set(labels, HEADER_BYTES);
  view.setUint16(HEADER_BYTES + labels.length, TYPE_CODES[type]);
  view.setUint16(HEADER_BYTES + labels.length + 2, CLASS_IN);
  return bytes;
}

/** Read what a server sent, as the answer to `question` or not. */
export function decodeAnswer(bytes: Uint8Array, question: DnsQuestion): DnsMessage {
  if (bytes.length < HEADER_BYTES) return { kind: "foreign" };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint16(2);
  if (view.getUint16(0) !== question.id || (flags & FLAG_RESPONSE) === 0 || (flags & OPCODE_MASK) !== 0)
    return { kind: "foreign" };
  const rcode = flags & RCODE_MASK;
  const truncated = (flags & FLAG_TRUNCATED) !== 0;
  const questions = view.getUint16(4);
  // Servers may leave the question out when they refuse (seen with FORMERR): the id and the connected socket must do.
  if (questions === 0 && rcode !== 0) return { kind: "answer", rcode, truncated, addresses: [] };
  if (questions !== 1) return { kind: "malformed", reason: `${questions} questions in the answer` };
  try {
    const asked = readName(bytes, HEADER_BYTES);
    let at = asked.end;
    if (at + 4 > bytes.length) return { kind: "malformed", reason: "ends in the question" };
    if (
      !sameName(asked.name, question.name) ||
      view.getUint16(at) !== TYPE_CODES[question.type] ||
      view.getUint16(at + 2) !== CLASS_IN
    )
      return { kind: "foreign" };
    at += 4;
    if (truncated) return { kind: "answer", rcode, truncated, addresses: [] };
    const addresses: string[] = [];
    for (let left = view.getUint16(6); left > 0; left--) {
      at = skipName(bytes, at);
      if (at + 10 > bytes.length) return { kind: "malformed", reason: "ends in a record" };
      const type = view.getUint16(at);
      const recordClass = view.getUint16(at + 2);
      const length = view.getUint16(at + 8);
      at += 10;
      if (at + length > bytes.length) return { kind: "malformed", reason: "a record is longer than the message" };
      if (recordClass === CLASS_IN && type === TYPE_CODES[question.type]) {
        if (length !== ADDRESS_BYTES[question.type])
          return { kind: "malformed", reason: `${question.type} record of ${length} bytes` };
        addresses.push(addressText(bytes.subarray(at, at + length)));
      }
      at += length;
    }
    return { kind: "answer", rcode, truncated, addresses };
  } catch (err) {
    if (err instanceof NameError) return { kind: "malformed", reason: err.message };
    throw err;
  }
}

/** Why a name could not be read. */
class NameError extends Error {}

function encodeName(name: string): Uint8Array {
  const absolute = name.endsWith(".") ? name.slice(0, -1) : name;
  const bytes: number[] = [];
  for (const label of absolute.split(".")) {
    const text = new TextEncoder().encode(label);
    if (text.length === 0 || text.length > MAX_LABEL_BYTES)
      throw new RangeError(
        `DNS name '${name}': each part between dots has 1 to ${MAX_LABEL_BYTES} bytes, '${label}' has ${text.length}`,
      );
    bytes.push(text.length, ...text);
  }
  bytes.push(0);
  if (bytes.length > MAX_NAME_BYTES)
    throw new RangeError(`DNS name '${name}' is longer than ${MAX_NAME_BYTES} bytes on the wire`);
  return Uint8Array.from(bytes);
}

/** A name with its pointers followed. `end` is where the record goes on after it. */
function readName(bytes: Uint8Array, start: number): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let length = 1;
  let end: number | undefined;
  let at = start;
  for (;;) {
    const first = byteAt(bytes, at);
    if (first === 0) return { name: labels.join("."), end: end ?? at + 1 };
    if ((first & POINTER) === POINTER) {
      const target = ((first & ~POINTER) << 8) | byteAt(bytes, at + 1);
      end ??= at + 2;
      // Only backwards (RFC 1035 §4.1.4, "a prior occurrence"): so no pointer can be followed for ever.
      if (target >= start || target >= at) throw new NameError("a name points forward or at itself");
      at = target;
      continue;
    }
    if ((first & POINTER) !== 0) throw new NameError("a name has a label of unknown kind");
    length += first + 1;
    if (length > MAX_NAME_BYTES) throw new NameError(`a name is longer than ${MAX_NAME_BYTES} bytes`);
    if (at + 1 + first > bytes.length) throw new NameError("the message ends in a name");
    labels.push(String.fromCharCode(...bytes.subarray(at + 1, at + 1 + first)));
    at += 1 + first;
  }
}

/** Where the record goes on after a name; pointers need not be followed for that. */
function skipName(bytes: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    const first = byteAt(bytes, at);
    if (first === 0) return at + 1;
    if ((first & POINTER) === POINTER) {
      byteAt(bytes, at + 1);
      return at + 2;
    }
    if ((first & POINTER) !== 0) throw new NameError("a name has a label of unknown kind");
    at += 1 + first;
    if (at - start > MAX_NAME_BYTES) throw new NameError(`a name is longer than ${MAX_NAME_BYTES} bytes`);
  }
}

function byteAt(bytes: Uint8Array, at: number): number {
  const value = bytes[at];
  if (value === undefined) throw new NameError("the message ends in a name");
  return value;
}

/** Names are compared without regard to ASCII case (RFC 1035 §2.3.3). */
function sameName(answered: string, asked: string): boolean {
  const encoded = String.fromCharCode(...new TextEncoder().encode(asked.endsWith(".") ? asked.slice(0, -1) : asked));
  return answered.toLowerCase() === encoded.toLowerCase();
}

function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
  // The URL parser writes IPv6 in the canonical form of RFC 5952.
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}
