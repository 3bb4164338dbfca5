import { createHmac } from "node:crypto";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { arrival, arrivalsHex, firstArrival, noteArrival, parseArrivals } from "../../agent/wire/arrivals.ts";
import { ntpDifferenceNs, readNtp, writeNtp } from "../../agent/wire/ntp.ts";
import { id64, nodeHash, nodeHashHex, StampFormat, type ReplyFields } from "../../agent/wire/stamp.ts";

const BASE = 1_790_000_000;
const KEY = Buffer.from("a shared key of this mesh");
const INCARNATION = id64("0102030405060708");
const REFLECTOR = id64("1112131415161718");
const REQUEST = {
  sequence: 0x01020304,
  port: 5,
  slot: 77,
  number: 900,
  nonceHigh: 0xdeadbeef,
  nonceLow: 0xcafef00d,
  network: "node",
  family: "ipv6",
  smallReply: false,
  onDemand: true,
} as const;
const REPLY: ReplyFields = {
  sequence: 0x0a0b0c0d,
  receivedNs: 1_250_000_000,
  residenceClock: "kernel",
  ttl: 61,
  reflector: REFLECTOR,
  arrivals: { highest: 900, high: 0x80000000, low: 7 },
  drops: 3,
};

function requestBytes(format: StampFormat, more: { smallReply?: boolean; bytes?: number } = {}): Buffer {
  const bytes = Buffer.alloc(more.bytes ?? 512, 0xff);
  format.encodeRequest(bytes, {
    ...REQUEST,
    smallReply: more.smallReply ?? false,
    sentNs: 500_000_000,
    incarnation: INCARNATION,
    source: nodeHash("node-1"),
  });
  return bytes;
}

function replyBytes(format: StampFormat, request: Buffer, transmitNs = 1_250_003_000): Buffer {
  const room = Buffer.alloc(2_000, 0xff);
  const reply = format.encodeReply(room, request, REPLY);
  format.sealReply(reply, transmitNs);
  return room.subarray(0, reply.bytes.length);
}

describe("a STAMP sender packet", () => {
  it("has the unauthenticated layout of RFC 8762 §4.2.1: 44 octets, zero where it must be", () => {
    const b = requestBytes(new StampFormat({ baseSeconds: BASE }));
    expect(b.readUInt32BE(0)).toBe(0x01020304);
    expect(b.readUInt32BE(4)).toBe(BASE + 2_208_988_800 - 2 ** 32 * Math.floor((BASE + 2_208_988_800) / 2 ** 32));
    expect(b.readUInt32BE(8)).toBe(0x80000000); // half a second
    expect(b.readUInt16BE(12)).toBe(0x2001); // S 0, Z 0 (NTP), Scale 32, Multiplier 1
    expect(b.readUInt16BE(14)).toBe(0x0708); // SSID of RFC 8972, of the sender's incarnation
    expect(b.subarray(16, 44)).toEqual(Buffer.alloc(28));
  });

  it("has the authenticated layout of RFC 8762 §4.2.2: 112 octets with 128 bits of HMAC-SHA-256 over the first 96", () => {
    const b = requestBytes(new StampFormat({ baseSeconds: BASE, key: KEY }));
    expect(b.readUInt32BE(0)).toBe(0x01020304);
    expect(b.subarray(4, 16)).toEqual(Buffer.alloc(12));
    expect(b.readUInt32BE(20)).toBe(0x80000000);
    expect(b.readUInt16BE(24)).toBe(0x2001);
    expect(b.readUInt16BE(26)).toBe(0x0708);
    expect(b.subarray(28, 96)).toEqual(Buffer.alloc(68));
    expect(b.subarray(96, 112)).toEqual(createHmac("sha256", KEY).update(b.subarray(0, 96)).digest().subarray(0, 16));
  });

  it("carries our body as one private-use TLV of RFC 8972, marked unrecognized, and an HMAC TLV behind it with a key", () => {
    const open = requestBytes(new StampFormat({ baseSeconds: BASE }));
    expect([...open.subarray(44, 48)]).toEqual([0x80, 252, (512 - 48) >> 8, (512 - 48) & 0xff]);
    const closed = requestBytes(new StampFormat({ baseSeconds: BASE, key: KEY }));
    expect([...closed.subarray(112, 114)]).toEqual([0x80, 252]);
    const tlv = 116 + closed.readUInt16BE(114);
    expect([...closed.subarray(tlv, tlv + 4)]).toEqual([0x80, 8, 0, 16]);
    expect(tlv + 20).toBe(512);
    const hmac = createHmac("sha256", KEY)
      .update(closed.subarray(0, 4))
      .update(closed.subarray(112, tlv))
      .digest()
      .subarray(0, 16);
    expect(closed.subarray(tlv + 4)).toEqual(hmac);
  });

  it.each([
    ["without", undefined],
    ["with", KEY],
  ] as const)("is read back as it was written, %s a key", (_, key) => {
    const format = new StampFormat({ baseSeconds: BASE, key });
    expect(format.decodeRequest(requestBytes(format))).toEqual({
      kind: "ok",
      value: { ...REQUEST, incarnation: "0102030405060708", source: nodeHashHex("node-1") },
    });
  });
});

describe("a STAMP reflector packet", () => {
  it("has the unauthenticated layout of RFC 8762 §4.3.1", () => {
    const format = new StampFormat({ baseSeconds: BASE });
    const request = requestBytes(format);
    const b = replyBytes(format, request);
    expect(b.length).toBe(512);
    expect(b.readUInt32BE(0)).toBe(0x0a0b0c0d); // the reflector's own: it is stateful
    expect(b.readUInt16BE(14)).toBe(0x0708);
    expect(b.readUInt32BE(16) - b.readUInt32BE(4)).toBe(0); // received and sent in the same second
    expect(b.readUInt32BE(20)).toBe(0x40000000); // a quarter second
    expect(b.readUInt32BE(24)).toBe(0x01020304);
    expect(b.subarray(28, 36)).toEqual(request.subarray(4, 12));
    expect(b.readUInt16BE(36)).toBe(0x2001);
    expect(b.readUInt16BE(38)).toBe(0);
    expect(b[40]).toBe(61);
    expect(b.subarray(41, 44)).toEqual(Buffer.alloc(3));
    expect(b[44]).toBe(0); // U cleared: the TLV was understood
  });

  it("has the authenticated layout of RFC 8762 §4.3.2", () => {
    const format = new StampFormat({ baseSeconds: BASE, key: KEY });
    const request = requestBytes(format);
    const b = replyBytes(format, request);
    expect(b.readUInt32BE(0)).toBe(0x0a0b0c0d);
    expect(b.subarray(4, 16)).toEqual(Buffer.alloc(12));
    expect(b.readUInt16BE(26)).toBe(0x0708);
    expect(b.subarray(28, 32)).toEqual(Buffer.alloc(4));
    expect(b.readUInt32BE(36)).toBe(0x40000000);
    expect(b.subarray(40, 48)).toEqual(Buffer.alloc(8));
    expect(b.readUInt32BE(48)).toBe(0x01020304);
    expect(b.subarray(52, 64)).toEqual(Buffer.alloc(12));
    expect(b.subarray(64, 72)).toEqual(request.subarray(16, 24));
    expect(b.readUInt16BE(72)).toBe(0x2001);
    expect(b.subarray(74, 80)).toEqual(Buffer.alloc(6));
    expect(b[80]).toBe(61);
    expect(b.subarray(81, 96)).toEqual(Buffer.alloc(15));
    expect(b.subarray(96, 112)).toEqual(createHmac("sha256", KEY).update(b.subarray(0, 96)).digest().subarray(0, 16));
  });

  it.each([
    ["without", undefined],
    ["with", KEY],
  ] as const)("tells what the reflector knows and its residence, %s a key", (_, key) => {
    const format = new StampFormat({ baseSeconds: BASE, key });
    const decoded = format.decodeReply(replyBytes(format, requestBytes(format)));
    expect(decoded.kind).toBe("ok");
    if (decoded.kind !== "ok") return;
    const { sequence, port, slot, number, nonceHigh, nonceLow } = REQUEST;
    expect(decoded.value).toMatchObject({
      sequence,
      port,
      slot,
      number,
      nonceHigh,
      nonceLow,
      reflector: "1112131415161718",
      arrivals: REPLY.arrivals,
      drops: 3,
      residenceClock: "kernel",
    });
    expect(decoded.value.residenceNs).toBeCloseTo(3_000, 0);
  });

  it("follows up on an earlier one, or does not", () => {
    const format = new StampFormat({ baseSeconds: BASE });
    for (const followUp of [
      { number: 0, correctionNs: 0 },
      { number: 2 ** 32 - 1, correctionNs: -2_500 },
      { number: 899, correctionNs: 90_000_001 },
      undefined,
    ]) {
      const room = Buffer.alloc(512);
      const reply = format.encodeReply(room, requestBytes(format), { ...REPLY, followUp });
      format.sealReply(reply, 1_250_003_000);
      expect(format.decodeReply(reply.bytes)).toMatchObject({ kind: "ok", value: { followUp } });
    }
  });

  it("is as large as its request, never larger, and the smallest possible where that was asked for", () => {
    for (const key of [undefined, KEY]) {
      const format = new StampFormat({ baseSeconds: BASE, key });
      for (const bytes of [format.minBytes, 512, 1_472]) {
        expect(replyBytes(format, requestBytes(format, { bytes })).length).toBe(bytes);
        const small = replyBytes(format, requestBytes(format, { bytes, smallReply: true }));
        expect(small.length).toBe(format.minBytes);
        expect(format.decodeReply(small).kind).toBe("ok");
      }
    }
  });
});

describe("a packet that is not right", () => {
  it.each([
    ["without", undefined],
    ["with", KEY],
  ] as const)("is never accepted with any one bit flipped, %s a key", (_, key) => {
    const format = new StampFormat({ baseSeconds: BASE, key });
    const request = requestBytes(format);
    const reply = replyBytes(format, request);
    for (let bit = 0; bit < 512 * 8; bit++) {
      for (const bytes of [request, reply]) {
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        const kind = bytes === request ? format.decodeRequest(bytes).kind : format.decodeReply(bytes).kind;
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        expect(kind, `bit ${bit} of the ${bytes === request ? "request" : "reply"}`).toBe("fault");
      }
    }
  });

  it("says what is wrong with it", () => {
    const format = new StampFormat({ baseSeconds: BASE });
    const keyed = new StampFormat({ baseSeconds: BASE, key: KEY });
    const other = new StampFormat({ baseSeconds: BASE, key: Buffer.from("another key") });
    const request = requestBytes(format);
    const fault = (bytes: Uint8Array, f = format) => {
      const decoded = f.decodeRequest(bytes);
      return decoded.kind === "fault" ? decoded.fault : "none";
    };
    expect(fault(request)).toBe("none");
    expect(fault(request.subarray(0, format.minBytes - 1))).toBe("short");
    expect(fault(Buffer.alloc(44))).toBe("short");
    expect(fault(request.subarray(0, 511))).toBe("checksum");
    expect(fault(Buffer.alloc(512, 7))).toBe("foreign");
    expect(fault(replyBytes(format, request))).toBe("foreign"); // a reply is no request: two reflectors cannot play ping-pong
    expect(fault(request, keyed)).toBe("key");
    expect(fault(requestBytes(other), keyed)).toBe("key");
    const later = Buffer.from(request);
    later[48 + 4] = 2;
    const pieces = [later.subarray(0, 4), later.subarray(12, 48 + 72), later.subarray(48 + 76), later.subarray(4, 12)];
    later.writeUInt32BE(crc32(Buffer.concat(pieces)), 48 + 72);
    expect(fault(later)).toBe("version");
  });
});

describe("NTP timestamps", () => {
  const view = new DataView(new ArrayBuffer(16));
  it("count from 1900 and begin again in 2036", () => {
    writeNtp(view, 0, { ns: 0, baseSeconds: 0 });
    expect([view.getUint32(0), view.getUint32(4)]).toEqual([0x83aa7e80, 0]);
    const era1 = Date.UTC(2036, 1, 7, 6, 28, 16) / 1000;
    writeNtp(view, 0, { ns: 0, baseSeconds: era1 });
    expect(view.getUint32(0)).toBe(0);
    writeNtp(view, 8, { ns: -1e9, baseSeconds: era1 });
    expect(view.getUint32(8)).toBe(0xffffffff);
    expect(ntpDifferenceNs(view, 0, 8)).toBe(1e9);
    expect(readNtp(view, 0, era1 - 10)).toBe(10e9);
    expect(readNtp(view, 8, era1 + 5)).toBe(-6e9);
  });
  it("keep nanoseconds", () => {
    for (const ns of [0, 1, 999_999_999, 123_456_789_012_345, -1]) {
      writeNtp(view, 0, { ns, baseSeconds: BASE });
      expect(Math.abs(readNtp(view, 0, BASE) - ns)).toBeLessThan(0.5);
    }
  });
});

describe("the record of the newest 64 arrivals", () => {
  it("agrees with a set of numbers, whatever order they come in", () => {
    let seed = 7;
    const random = (n: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % n;
    for (let run = 0; run < 20; run++) {
      const first = random(1_000);
      const arrivals = firstArrival(first);
      const seen = new Set([first]);
      for (let i = 0; i < 100; i++) {
        const number = Math.max(0, arrivals.highest + random(run < 10 ? 200 : 20) - (run < 10 ? 80 : 9));
        const known = number <= arrivals.highest && (seen.has(number) || number <= arrivals.highest - 64);
        expect(noteArrival(arrivals, number)).toBe(!known);
        seen.add(number);
        const asked = Array.from({ length: 73 }, (_, k) => arrivals.highest + 3 - k);
        const said = asked.map((n) => arrival(arrivals, n));
        expect(said).toEqual(
          asked.map((n, k) => (k < 3 ? "beyond" : k >= 67 ? "forgotten" : seen.has(n) ? "arrived" : "missing")),
        );
      }
      expect(parseArrivals(arrivals.highest, arrivalsHex(arrivals))).toEqual(arrivals);
    }
  });
  it("reads no nonsense", () => {
    for (const hex of ["", "xyz", "12345678901234567", "-1"]) expect(parseArrivals(5, hex)).toBeUndefined();
    expect(parseArrivals(-1, "1")).toBeUndefined();
    expect(parseArrivals(5, "1")).toEqual({ highest: 5, high: 0, low: 1 });
  });
});
