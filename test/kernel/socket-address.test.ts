import { describe, expect, test } from "vitest";
import { KernelError } from "../../agent/kernel/kernel.ts";
import {
  describeAddress,
  sameAddress,
  sameHost,
  socketAddress,
  socketAddressLength,
} from "../../agent/kernel/socket-address.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** As recvmsg(2) of Linux 6.18 gave them in `msg_name`, from sockets on loopback. */
const FROM_THE_KERNEL = [
  { ip: "127.0.0.1", port: 0x8bdb, bytes: "02008bdb7f0000010000000000000000" },
  { ip: "::1", port: 0xc370, bytes: "0a00c370000000000000000000000000000000000000000100000000" },
] as const;

describe("an address as the kernel has it", () => {
  test.each(FROM_THE_KERNEL)("$ip is made and read as the same bytes", ({ ip, port, bytes }) => {
    const address = socketAddress(ip, port);
    expect(hex(address.subarray(0, socketAddressLength(address)))).toBe(bytes);
    expect(describeAddress(Buffer.from(bytes, "hex"))).toEqual({ ip, port });
  });

  test("one address in two spellings is the same, and a family is no other's prefix", () => {
    const [short, long] = [socketAddress("fd00::1", 7), socketAddress("FD00:0:0:0::0001", 7)];
    expect(hex(short)).toBe(hex(long));
    expect(sameAddress(short, long)).toBe(true);
    const ipv4 = socketAddress("0.0.0.0", 7);
    const ipv6 = socketAddress("::", 7);
    expect([sameHost(ipv4, ipv6), sameHost(ipv6, ipv4)]).toEqual([false, false]);
  });

  test.each([
    ["the same address and port", "10.0.0.1", 7843, "10.0.0.1", 7843, true],
    ["another port", "10.0.0.1", 7844, "10.0.0.1", 7843, false],
    ["any port, where none is wanted", "10.0.0.1", 40_000, "10.0.0.1", 0, true],
    ["another host", "10.0.0.2", 7843, "10.0.0.1", 7843, false],
    ["a host that differs in the last byte only", "fd00::1:1", 7843, "fd00::1:2", 7843, false],
    ["a port whose low byte is 0", "10.0.0.1", 0x1e00, "10.0.0.1", 0x1f00, false],
  ])("%s", (_, ip, port, wantedIp, wantedPort, same) => {
    expect(sameAddress(socketAddress(ip, port), socketAddress(wantedIp, wantedPort))).toBe(same);
  });

  test("an ICMP error is of a host, whatever the ports", () => {
    expect(sameHost(socketAddress("fd00::1", 0), socketAddress("fd00::1", 7843))).toBe(true);
    expect(sameHost(socketAddress("fd00::2", 0), socketAddress("fd00::1", 7843))).toBe(false);
  });

  test.each(["", "node-1", "10.0.0", "10.0.0.256", "fe80::1%eth0"])("'%s' is no address", (text) => {
    expect(() => socketAddress(text, 7)).toThrow(KernelError);
  });
});
