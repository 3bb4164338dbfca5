import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { hex64 } from "../../agent/wire/hex64.ts";

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

test("eight bytes are sixteen digits, zeros included, wherever they lie in a packet", () => {
  const packet = Buffer.from("ffff0000000000000abcffff", "hex");
  expect(hex64(viewOf(packet), 2)).toBe("0000000000000abc");
  expect(hex64(viewOf(packet.subarray(2)), 0)).toBe("0000000000000abc");
});

test("of more of them than it remembers each is itself, again and again", () => {
  const all = randomBytes(8 * 20_000);
  const places = Array.from({ length: all.length / 8 }, (_, i) => 8 * i);
  const wrong = [...places, ...places].filter((at) => hex64(viewOf(all), at) !== all.toString("hex", at, at + 8));
  expect(wrong).toEqual([]);
});
