// Attributes of netlink messages (struct rtattr: length, type, payload, padded to four bytes). Pure. All numbers are in
// the machine's own order, which is little-endian on x86-64 and arm64, unless they are addresses or ports.
import { ipFromBytes } from "../../base/ip.ts";

/** The two high bits of a type say how it is laid out, not what it is. */
const TYPE_MASK = 0x3fff;

export class Attributes {
  readonly #payloads = new Map<number, Uint8Array>();

  constructor(bytes: Uint8Array) {
    const view = viewOf(bytes);
    for (let at = 0; at + 4 <= bytes.byteLength;) {
      const length = view.getUint16(at, true);
      if (length < 4 || at + length > bytes.byteLength) break;
      this.#payloads.set(view.getUint16(at + 2, true) & TYPE_MASK, bytes.subarray(at + 4, at + length));
      at += (length + 3) & ~3;
    }
  }

  has(type: number): boolean {
    return this.#payloads.has(type);
  }

  bytes(type: number): Uint8Array | undefined {
    return this.#payloads.get(type);
  }

  nested(type: number): Attributes | undefined {
    const bytes = this.#payloads.get(type);
    return bytes && new Attributes(bytes);
  }

  uint8(type: number): number | undefined {
    const bytes = this.#payloads.get(type);
    return bytes && bytes.byteLength >= 1 ? bytes[0] : undefined;
  }

  uint16(type: number): number | undefined {
    const bytes = this.#payloads.get(type);
    return bytes && bytes.byteLength >= 2 ? viewOf(bytes).getUint16(0, true) : undefined;
  }

  /** In network order. */
  port(type: number): number | undefined {
    const bytes = this.#payloads.get(type);
    return bytes && bytes.byteLength >= 2 ? viewOf(bytes).getUint16(0, false) : undefined;
  }

  uint32(type: number): number | undefined {
    const bytes = this.#payloads.get(type);
    return bytes && bytes.byteLength >= 4 ? viewOf(bytes).getUint32(0, true) : undefined;
  }

  /** Ended by a zero. */
  text(type: number): string | undefined {
    const bytes = this.#payloads.get(type);
    if (bytes === undefined) return undefined;
    const end = bytes.indexOf(0);
    return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString("utf8");
  }

  /** 4 or 16 bytes; undefined for none, and for what is no address. */
  ip(type: number): string | undefined {
    const bytes = this.#payloads.get(type);
    return bytes && (bytes.byteLength === 4 || bytes.byteLength === 16) ? ipFromBytes(bytes).text : undefined;
  }

  /** `aa:bb:cc:00:11:22`; undefined where there is none. */
  hardwareAddress(type: number): string | undefined {
    const bytes = this.#payloads.get(type);
    if (bytes === undefined || bytes.byteLength === 0 || bytes.byteLength > 32) return undefined;
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
  }
}

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A number's word, or the number as text. */
export const worded = (words: Readonly<Record<number, string>>, number: number): string =>
  words[number] ?? String(number);
