import { expect, test } from "vitest";
import { checkAddress, checkAddresses } from "../../agent/mesh/addresses.ts";

const STRICT = { allowLoopback: false };

test.each([
  ["0.0.0.0", "unspecified"],
  ["0.1.2.3", "unspecified"],
  ["127.0.0.1", "loopback"],
  ["127.255.0.9", "loopback"],
  ["169.254.1.1", "link-local"],
  ["169.254.169.254", "link-local"],
  ["224.0.0.1", "multicast"],
  ["239.255.255.250", "multicast"],
  ["240.0.0.1", "reserved or broadcast"],
  ["255.255.255.255", "reserved or broadcast"],
  ["100.100.100.200", "metadata service"],
  ["168.63.129.16", "metadata service"],
  ["::", "unspecified"],
  ["::1", "loopback"],
  ["::ffff:127.0.0.1", "IPv4-mapped"],
  ["::ffff:10.0.0.1", "IPv4-mapped"],
  ["::ffff:a9fe:a9fe", "IPv4-mapped"],
  ["::127.0.0.1", "IPv4-compatible"],
  ["64:ff9b::7f00:1", "IPv4-embedding"],
  ["2002:7f00:1::", "IPv4-embedding"],
  ["fe80::1", "link-local"],
  ["febf::1", "link-local"],
  ["fe80::1%eth0", "an address with a scope"],
  ["ff02::1", "multicast"],
  ["fd00:ec2::254", "metadata service"],
  ["node-2.example", "not an IP address"],
  ["10.0.0.1/24", "not an IP address"],
  ["010.0.0.1", "not an IP address"],
  ["", "not an IP address"],
])("%s is refused as %s", (address, reason) => {
  expect(checkAddress(address, STRICT)).toEqual({ refused: reason });
});

test.each(["10.0.0.1", "100.64.0.1", "172.31.255.1", "192.168.0.1", "198.51.100.7", "8.8.8.8"])(
  "%s may be probed",
  (address) => {
    expect(checkAddress(address, STRICT)).toEqual({ address, family: "ipv4" });
  },
);

test("an IPv6 address has one spelling, whichever it came in", () => {
  expect(checkAddress("FD00:0:0:0::00A1", STRICT)).toEqual({ address: "fd00::a1", family: "ipv6" });
});

test("allowing loopback allows nothing else", () => {
  const lab = { allowLoopback: true };
  expect(checkAddress("127.0.0.5", lab)).toEqual({ address: "127.0.0.5", family: "ipv4" });
  expect(checkAddress("::1", lab)).toEqual({ address: "::1", family: "ipv6" });
  expect(checkAddress("169.254.169.254", lab)).toEqual({ refused: "link-local" });
  expect(checkAddress("::ffff:127.0.0.1", lab)).toEqual({ refused: "IPv4-mapped" });
});

test("of several addresses the first of each family counts, and the refused are named", () => {
  expect(checkAddresses(["127.0.0.1", "10.0.0.1", "10.0.0.2", "fd00::1"], STRICT)).toEqual({
    addresses: { ipv4: "10.0.0.1", ipv6: "fd00::1" },
    refused: ["127.0.0.1 (loopback)"],
  });
});
