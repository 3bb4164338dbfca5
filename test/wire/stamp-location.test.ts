import { describe, expect, it } from "vitest";
import { id64, nodeHash, StampFormat, type ReplyFields } from "../../agent/wire/stamp.ts";

const BASE = 1_790_000_000;
const KEY = Buffer.from("a shared key of this mesh");
const REQUEST = {
  sequence: 1,
  port: 5,
  slot: 77,
  number: 900,
  nonceHigh: 1,
  nonceLow: 2,
  network: "pod",
  family: "ipv4",
  smallReply: false,
  sentNs: 5,
  incarnation: id64("0102030405060708"),
  source: nodeHash("node-1"),
} as const;
const REPLY: ReplyFields = {
  sequence: 1,
  receivedNs: 10,
  residenceClock: "kernel",
  ttl: 61,
  reflector: id64("1112131415161718"),
  arrivals: { highest: 900, high: 0x80000000, low: 7 },
  drops: 0,
  seen: { address: [192, 0, 2, 33], port: 40_000, destinationPort: 7_843 },
};

// Written from RFC 8972 §4.2 (Location TLV: type 2, ports, sub-TLVs) and §4.2.1 (sub-TLV 7 asks for the source IP
// address, 8 and 9 answer with IPv4 and IPv6; the value of each is 16 octets).
const octets = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
const ASKS = octets("80020018 00000000 80070010 00000000000000000000000000000000");
const SAW_IPV4 = octets("00020018 1ea39c40 00080010 c0000221000000000000000000000000");
const SAW_IPV6 = octets("00020018 1ea39c40 00090010 20010db8000000000000000000000007");

function ask(format: StampFormat, more: { bytes?: number; asksSource?: boolean; smallReply?: boolean } = {}): Buffer {
  const { bytes = 512, ...request } = more;
  const packet = Buffer.alloc(bytes, 0xff);
  format.encodeRequest(packet, { ...REQUEST, asksSource: true, ...request });
  return packet;
}

function answer(format: StampFormat, request: Buffer, more: Partial<ReplyFields> = {}): Buffer {
  const unsealed = format.encodeReply(Buffer.alloc(2_000, 0xff), request, { ...REPLY, ...more });
  format.sealReply(unsealed, 20);
  return Buffer.from(unsealed.bytes);
}

function seenIn(format: StampFormat, reply: Buffer): readonly number[] | undefined {
  const decoded = format.decodeReply(reply);
  if (decoded.kind === "fault") throw new Error(decoded.fault);
  return decoded.value.seenAs && [...decoded.value.seenAs];
}

describe.each([
  ["without a key", undefined, 512],
  ["with a key", KEY, 512 - 20],
] as const)("the Location TLV %s", (_, key, end) => {
  const format = new StampFormat({ baseSeconds: BASE, key });
  const tlv = (packet: Buffer) => packet.subarray(end - 28, end);

  it("asks for the source address and nothing else, octet by octet, and has a reply of the same size", () => {
    const request = ask(format);
    expect(tlv(request)).toEqual(ASKS);
    expect(answer(format, request)).toHaveLength(512);
  });

  it("answers with the IPv4 or IPv6 address and the ports that the reflector saw, octet by octet", () => {
    const reply = answer(format, ask(format));
    expect(tlv(reply)).toEqual(SAW_IPV4);
    expect(seenIn(format, reply)).toEqual([192, 0, 2, 33]);
    const address = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    const reply6 = answer(format, ask(format), { seen: { ...REPLY.seen!, address } });
    expect(tlv(reply6)).toEqual(SAW_IPV6);
    expect(seenIn(format, reply6)).toEqual(address);
  });

  it("is told only to who asks, and where there is room", () => {
    expect(seenIn(format, answer(format, ask(format, { asksSource: false })))).toBeUndefined();
    const small = ask(format, { bytes: format.minBytes + 27 });
    expect(format.decodeRequest(small).kind).toBe("ok");
    expect(seenIn(format, answer(format, small))).toBeUndefined();
    expect(seenIn(format, answer(format, ask(format, { bytes: format.minBytes + 28 })))).toEqual([192, 0, 2, 33]);
    const smallest = answer(format, ask(format, { smallReply: true }));
    expect(smallest).toHaveLength(format.minBytes);
    expect(seenIn(format, smallest)).toBeUndefined();
  });

  it("lets an agent that knows no such TLV answer: all behind the header is its padding", () => {
    // Such a reflector leaves out what it does not know, and its own TLV takes all the room.
    const reply = answer(format, ask(format), { seen: undefined });
    expect(reply).toHaveLength(512);
    expect(reply.readUInt16BE((key ? 112 : 44) + 2)).toBe(end - (key ? 112 : 44) - 4);
    expect(seenIn(format, reply)).toBeUndefined();
  });

  it("cannot be changed on the way", () => {
    const reply = answer(format, ask(format));
    reply[end - 16]! ^= 1;
    expect(format.decodeReply(reply)).toMatchObject({ kind: "fault", fault: "checksum" });
  });
});

it("is authenticated by the HMAC TLV where a key is set: who has no key cannot make one up", () => {
  const ours = new StampFormat({ baseSeconds: BASE, key: KEY });
  const theirs = new StampFormat({ baseSeconds: BASE, key: Buffer.from("another") });
  const forged = answer(theirs, ask(theirs));
  expect(ours.decodeReply(forged)).toEqual({ kind: "fault", fault: "key" });
});

it("tells the TTL that the reflector saw, and nothing for one that it could not read", () => {
  const format = new StampFormat({ baseSeconds: BASE });
  const ttlOf = (ttl: number) => {
    const decoded = format.decodeReply(answer(format, ask(format), { ttl }));
    return decoded.kind === "ok" ? decoded.value.ttlThere : decoded.fault;
  };
  expect(ttlOf(61)).toBe(61);
  expect(ttlOf(255)).toBeUndefined();
});
