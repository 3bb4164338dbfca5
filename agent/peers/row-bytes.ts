// Numbers and octets of a compact row, little endian. A u8 or u16 holds at most its largest value.
import { stays } from "../base/stays.ts";

export class ByteWriter {
  #buffer = Buffer.allocUnsafe(8_192);
  #at = 0;

  u8(value: number): void {
    this.#at = this.#room(1).writeUInt8(Math.min(0xff, value), this.#at);
  }

  u16(value: number): void {
    this.#at = this.#room(2).writeUInt16LE(Math.min(0xffff, value), this.#at);
  }

  u32(value: number): void {
    this.#at = this.#room(4).writeUInt32LE(value, this.#at);
  }

  f32(value: number): void {
    this.#at = this.#room(4).writeFloatLE(value, this.#at);
  }

  text(text: string): void {
    this.bytes(Buffer.from(text));
  }

  /** Room for the length of what follows, in a byte. */
  reserve(): number {
    this.u8(0);
    return this.#at - 1;
  }

  fillLength(at: number): void {
    this.#buffer.writeUInt8(this.#at - at - 1, at);
  }

  bytes(bytes: ArrayLike<number>): void {
    this.#room(bytes.length).set(bytes, this.#at);
    this.#at += bytes.length;
  }

  take(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#at));
  }

  #room(bytes: number): Buffer {
    if (this.#at + bytes > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(2 * (this.#at + bytes));
      larger.set(this.#buffer.subarray(0, this.#at));
      this.#buffer = larger;
    }
    return this.#buffer;
  }
}

/** Throws RangeError beyond the end. */
export class ByteReader {
  readonly #buffer: Buffer;
  /** Several times as fast as the methods of Buffer. */
  readonly #view: DataView;
  at: number;

  constructor(buffer: Buffer, at = 0) {
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    this.at = at;
  }

  get left(): number {
    return this.#buffer.length - this.at;
  }

  u8(): number {
    const value = this.#view.getUint8(this.at);
    this.at += 1;
    return value;
  }

  u16(): number {
    const value = this.#view.getUint16(this.at, true);
    this.at += 2;
    return value;
  }

  u32(): number {
    const value = this.#view.getUint32(this.at, true);
    this.at += 4;
    return value;
  }

  f32(): number {
    const value = this.#view.getFloat32(this.at, true);
    this.at += 4;
    return value;
  }

  pass(length: number): void {
    if (length > this.left) throw new RangeError("beyond the end");
    this.at += length;
  }

  bytes(length: number): Buffer {
    this.pass(length);
    return this.#buffer.subarray(this.at - length, this.at);
  }

  text(length: number): string {
    this.pass(length);
    return this.#buffer.toString("utf8", this.at - length, this.at);
  }
}

stays(new ByteReader(Buffer.alloc(0)));
