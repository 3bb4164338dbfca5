// Control messages as recvmsg(2) of Linux 6.18 wrote them, from sockets on loopback: stamps, TTL, the address that was
// asked, and what an ICMP error says.
import koffi from "koffi";
import { describe, expect, test } from "vitest";
import { LinuxPacketBatch } from "../../agent/kernel/packet-batch.ts";
import { socketAddress } from "../../agent/kernel/socket-address.ts";
import { FakeClock } from "../support/fake-clock.ts";

const hex = (...words: string[]): string => words.join("").replaceAll(" ", "");
/** SCM_TIMESTAMPING: the software stamp, and two that are 0. */
const STAMP = hex("4000000000000000 01000000 25000000", "77e7086b00000000 5941ad1100000000", "00".repeat(32));
/** IP_PKTINFO on loopback; its 12 bytes end in padding. */
const PKTINFO_V4 = hex("1c00000000000000 00000000 08000000", "01000000 00000000 7f000001 00000000");
const TTL_V4 = hex("1400000000000000 00000000 02000000", "40000000 00000000");
/** IP_RECVERR: ECONNREFUSED, by ICMP 3/3, offender 127.0.0.1. */
const REFUSED_V4 = hex(
  "3000000000000000 00000000 0b000000",
  "6f000000 02 03 03 00 00000000 00000000",
  "02000000 7f000001 0000000000000000",
);
/** IP_RECVERR: ENOMSG, the looped packet of a transmit stamp. */
const SENT_V4 = hex("3000000000000000 00000000 0b000000", "2a000000 04 00 00 00 00000000 00000000", "00".repeat(16));
const PKTINFO_V6 = hex("2400000000000000 29000000 32000000", "00".repeat(15), "01 01000000 00000000");
const HOPLIMIT_V6 = hex("1400000000000000 29000000 34000000", "40000000 00000000");
/** IPV6_RECVERR: ECONNREFUSED, by ICMPv6 1/4, offender ::1. */
const REFUSED_V6 = hex(
  "3c00000000000000 29000000 19000000",
  "6f000000 03 01 04 00 00000000 00000000",
  "0a000000 00000000",
  "00".repeat(15),
  "01 00000000 00000000",
);

/** struct mmsghdr, 64 bytes each: msg_control 32, msg_controllen 40, msg_flags 48, msg_len 56. */
function filled(control: string, { bytes = new Uint8Array(), flags = 0, skipIpHeader = false } = {}) {
  const clock = new FakeClock();
  const batch = new LinuxPacketBatch(clock, 2, 64);
  batch.armForReceive(skipIpHeader);
  const header = new DataView(koffi.view(BigInt(batch.headers), 2 * 64));
  const message = Buffer.from(control, "hex");
  new Uint8Array(koffi.view(header.getBigUint64(64 + 32, true), 256)).set(message);
  header.setBigUint64(64 + 40, BigInt(message.length), true);
  header.setUint32(64 + 48, flags, true);
  header.setUint32(64 + 56, bytes.length, true);
  batch.room(1).set(bytes.subarray(0, 64));
  batch.filled(2);
  return { batch, clock };
}

describe("control messages of IPv4", () => {
  test("the error of a packet that was refused: whose it is, by whom, when", () => {
    const { batch, clock } = filled(STAMP + PKTINFO_V4 + TTL_V4 + REFUSED_V4);
    expect(batch.origin(1)).toBe("icmp");
    expect(batch.errno(1)).toBe("ECONNREFUSED");
    expect(batch.icmp(1)).toEqual({ type: 3, code: 3, info: 0 });
    expect(batch.isErrorOf(1, socketAddress("127.0.0.1", 7843))).toBe(true);
    expect(batch.isErrorOf(1, socketAddress("127.0.0.2", 7843))).toBe(false);
    expect(batch.offender(1)).toBe("127.0.0.1");
    expect(batch.ttl(1)).toBe(64);
    expect(batch.stampNs(1)).toBe((0x6b08e777 - clock.baseSeconds) * 1e9 + 0x11ad4159);
  });

  test("the looped packet of a transmit stamp is no error", () => {
    const { batch } = filled(STAMP + SENT_V4);
    expect(batch.origin(1)).toBe("stamp");
    expect(batch.isErrorOf(1, socketAddress("127.0.0.1", 0))).toBe(false);
    expect(batch.offender(1)).toBeUndefined();
  });
});

describe("control messages of IPv6", () => {
  test("the error of a packet that was refused", () => {
    const { batch } = filled(STAMP + PKTINFO_V6 + HOPLIMIT_V6 + REFUSED_V6);
    expect([batch.origin(1), batch.errno(1), batch.ttl(1)]).toEqual(["icmp", "ECONNREFUSED", 64]);
    expect(batch.icmp(1)).toEqual({ type: 1, code: 4, info: 0 });
    expect(batch.isErrorOf(1, socketAddress("::1", 7843))).toBe(true);
    expect(batch.offender(1)).toBe("::1");
  });
});

describe("control messages that say less, or nothing that can be read", () => {
  test("without any there is no stamp, no TTL, and an error is our own", () => {
    const { batch } = filled("");
    expect([batch.stampNs(1), batch.ttl(1), batch.origin(1)]).toEqual([Number.NaN, -1, "local"]);
    expect(batch.icmp(1)).toEqual({ type: -1, code: -1, info: 0 });
    expect(batch.isErrorOf(1, socketAddress("127.0.0.1", 0))).toBe(false);
  });

  test("a stamp of 0 is none: the kernel had no time to give", () => {
    expect(filled(hex("4000000000000000 01000000 25000000", "00".repeat(48))).batch.stampNs(1)).toBeNaN();
  });

  test("a length below that of a header ends the reading instead of going round for ever", () => {
    expect(filled(`${"00".repeat(16)}${TTL_V4}`).batch.ttl(1)).toBe(-1);
    expect(filled(`${PKTINFO_V4}${TTL_V4}`).batch.ttl(1), "rounded up to 8 bytes").toBe(64);
  });

  test("what an earlier packet left behind is not read again", () => {
    const { batch } = filled(STAMP + TTL_V4);
    batch.armForReceive(false);
    const header = new DataView(koffi.view(BigInt(batch.headers), 2 * 64));
    header.setBigUint64(64 + 40, 0n, true);
    batch.filled(2);
    expect([batch.stampNs(1), batch.ttl(1)]).toEqual([Number.NaN, -1]);
  });
});

describe("the bytes of a packet", () => {
  const header = Uint8Array.of(0x46, ...Array.from({ length: 23 }, () => 0), 8, 0, 1, 2);

  test("of a raw socket come without the IP header, options included", () => {
    expect([...filled("", { bytes: header, skipIpHeader: true }).batch.bytes(1)]).toEqual([8, 0, 1, 2]);
    expect(filled("", { bytes: header }).batch.bytes(1)).toHaveLength(28);
  });

  test("of a header that claims to be longer than the packet are none", () => {
    expect(filled("", { bytes: Uint8Array.of(0x4f, 0, 0), skipIpHeader: true }).batch.bytes(1)).toHaveLength(0);
    expect(filled("", { bytes: new Uint8Array(), skipIpHeader: true }).batch.bytes(1)).toHaveLength(0);
  });

  test("are at most those of its room, and cut short is told", () => {
    const { batch } = filled("", { bytes: new Uint8Array(100).fill(7), flags: 0x20 });
    expect(batch.bytes(1)).toHaveLength(64);
    expect([batch.truncated(1), batch.truncated(0)]).toEqual([true, false]);
  });
});
