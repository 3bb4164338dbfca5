import { describe, expect, test } from "vitest";
import {
  encodeEchoRequest,
  internetChecksum,
  isEchoRequest,
  matchEchoReply,
  type Echo,
} from "../../agent/wire/icmp.ts";

const ECHO: Echo = { identifier: 0x1234, sequence: 0xfffe, nonceHigh: 0xdeadbeef, nonceLow: 0x80000001 };

function reply(family: "ipv4" | "ipv6" = "ipv4", echo = ECHO): Uint8Array {
  const bytes = new Uint8Array(64);
  encodeEchoRequest(bytes, family, echo);
  bytes[0] = family === "ipv4" ? 0 : 129;
  return bytes;
}

describe("the checksum", () => {
  // RFC 1071 §3 sums these bytes to ddf2 before the complement.
  test("is that of RFC 1071's example", () => {
    expect(internetChecksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7))).toBe(~0xddf2 & 0xffff);
  });
  test("pads an odd length with zero", () => {
    expect(internetChecksum(Uint8Array.of(0x12, 0x34, 0x56))).toBe(
      internetChecksum(Uint8Array.of(0x12, 0x34, 0x56, 0)),
    );
  });
  test("of a whole request is zero, as every receiver checks", () => {
    const bytes = new Uint8Array(64);
    encodeEchoRequest(bytes, "ipv4", ECHO);
    expect(internetChecksum(bytes)).toBe(0);
  });
});

describe("an echo reply", () => {
  test.each(["ipv4", "ipv6"] as const)(
    "that carries our identifier, sequence, nonce and pattern is ours (%s)",
    (family) => {
      expect(matchEchoReply(reply(family), family, ECHO, 64)).toBe("ours");
    },
  );
  test.each([
    ["identifier", { ...ECHO, identifier: 1 }],
    ["sequence", { ...ECHO, sequence: 1 }],
  ])("with another %s is foreign", (_, other) => {
    expect(matchEchoReply(reply("ipv4", other), "ipv4", ECHO, 64)).toBe("foreign");
  });
  test("of the other family's type is foreign", () => {
    expect(matchEchoReply(reply("ipv6"), "ipv4", ECHO, 64)).toBe("foreign");
  });
  test("with a nonce we did not send is corrupt, never an answer", () => {
    expect(matchEchoReply(reply("ipv4", { ...ECHO, nonceLow: 2 }), "ipv4", ECHO, 64)).toBe("corrupt");
  });
  test("with one flipped bit anywhere after the header is corrupt", () => {
    for (let i = 8; i < 64; i++) {
      const bytes = reply();
      bytes[i]! ^= 0x10;
      expect(matchEchoReply(bytes, "ipv4", ECHO, 64)).toBe("corrupt");
    }
  });
  test("cut short is corrupt, or foreign where even the header is missing", () => {
    expect(matchEchoReply(reply().subarray(0, 40), "ipv4", ECHO, 64)).toBe("corrupt");
    expect(matchEchoReply(reply().subarray(0, 7), "ipv4", ECHO, 64)).toBe("foreign");
    expect(matchEchoReply(new Uint8Array(0), "ipv4", ECHO, 64)).toBe("foreign");
  });
});

test("eight bytes of a request, all that RFC 792 promises of an error, are enough to know it by", () => {
  const bytes = new Uint8Array(64);
  encodeEchoRequest(bytes, "ipv4", ECHO);
  expect(isEchoRequest(bytes.subarray(0, 8), "ipv4", ECHO)).toBe(true);
  expect(isEchoRequest(bytes.subarray(0, 8), "ipv4", { ...ECHO, sequence: 3 })).toBe(false);
  expect(isEchoRequest(bytes, "ipv4", { ...ECHO, nonceHigh: 3 })).toBe(false);
});
