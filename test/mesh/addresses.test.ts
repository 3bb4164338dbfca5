import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { checkAddress, checkAddresses, type AddressPolicy } from "../../agent/mesh/addresses.ts";
import { allowanceFault, REFUSED_RANGES } from "../../agent/model/refused-ranges.ts";
import { ipRanges } from "../../agent/base/ip.ts";

const STRICT: AddressPolicy = { allowLoopback: false, isAllowed: () => false };
const allowing = (...ranges: string[]): AddressPolicy => ({ allowLoopback: false, isAllowed: ipRanges(ranges) });

test.each([
  ["0.0.0.0", "unspecified"],
  ["0.1.2.3", "unspecified"],
  ["127.0.0.1", "loopback"],
  ["127.255.0.9", "loopback"],
  ["169.254.1.1", "link-local"],
  ["169.254.169.254", "metadata service of most clouds"],
  ["224.0.0.1", "multicast"],
  ["239.255.255.250", "multicast"],
  ["255.255.255.255", "broadcast"],
  ["100.100.100.200", "metadata service of Alibaba Cloud"],
  ["168.63.129.16", "platform service of Azure"],
  ["192.0.0.192", "metadata service of Oracle Cloud"],
  ["::", "unspecified"],
  ["::1", "loopback"],
  ["::ffff:127.0.0.1", "IPv4-mapped"],
  ["::ffff:10.0.0.1", "IPv4-mapped"],
  ["::ffff:a9fe:a9fe", "IPv4-mapped"],
  ["::127.0.0.1", "IPv4-compatible"],
  ["::ffff:0:7f00:1", "IPv4-translated"],
  ["64:ff9b::7f00:1", "NAT64"],
  ["2002:7f00:1::", "6to4"],
  ["fe80::1", "link-local"],
  ["febf::1", "link-local"],
  ["fe80::1%eth0", "an address with a scope"],
  ["ff02::1", "multicast"],
  ["fd00:ec2::254", "metadata service of AWS"],
  ["FD20:CE:0::254", "metadata service of Google Cloud"],
  ["node-2.example", "not an IP address"],
  ["10.0.0.1/24", "not an IP address"],
  ["010.0.0.1", "not an IP address"],
  ["0x0a000001", "not an IP address"],
  ["", "not an IP address"],
])("%s is refused as %s", (address, reason) => {
  expect(checkAddress(address, STRICT)).toMatchObject({ refused: expect.stringContaining(reason) });
});

test.each(["10.0.0.1", "100.64.0.1", "172.31.255.1", "192.168.0.1", "198.51.100.7", "8.8.8.8"])(
  "%s may be probed",
  (address) => {
    expect(checkAddress(address, STRICT)).toEqual({ address, family: "ipv4" });
  },
);

test.each(["240.0.0.1", "247.10.3.4", "255.255.255.254"])(
  "%s may be probed: large clusters use 240.0.0.0/4 for pods",
  (address) => {
    expect(checkAddress(address, STRICT)).toEqual({ address, family: "ipv4" });
  },
);

test("an IPv6 address has one spelling, whichever it came in", () => {
  for (const text of ["FD00:0:0:0::00A1", "fd00:0000:0000:0000:0000:0000:0000:00a1", "fd00::0.0.0.161"])
    expect(checkAddress(text, STRICT)).toEqual({ address: "fd00::a1", family: "ipv6" });
});

test("allowing loopback allows nothing else", () => {
  const lab = { ...STRICT, allowLoopback: true };
  expect(checkAddress("127.0.0.5", lab)).toEqual({ address: "127.0.0.5", family: "ipv4" });
  expect(checkAddress("::1", lab)).toEqual({ address: "::1", family: "ipv6" });
  expect(checkAddress("169.254.169.254", lab)).toHaveProperty("refused");
  expect(checkAddress("::ffff:127.0.0.1", lab)).toHaveProperty("refused");
});

test("loopback says what would allow it", () => {
  expect(checkAddress("127.0.0.5", STRICT)).toMatchObject({ cure: expect.stringContaining("discovery.allowLoopback") });
});

test("of several addresses each family has its own, one under the wrong family is known, and the refused are named", () => {
  expect(checkAddresses({ ipv4: "127.0.0.1", ipv6: "fd00::1" }, STRICT)).toMatchObject({
    addresses: { ipv6: "fd00::1" },
    refused: [{ address: "127.0.0.1", family: "ipv4", why: expect.stringContaining("loopback") }],
  });
  expect(checkAddresses({ ipv4: "fd00::1" }, STRICT)).toEqual({ addresses: { ipv6: "fd00::1" }, refused: [] });
});

describe("peers.allowRanges", () => {
  const sample = (range: string): string => range.split("/")[0]!.replace(/\.0\.0$/, ".7.7");

  test.each(REFUSED_RANGES.filter((r) => r.canBeAllowed).map((r) => [r.range, r.why]))(
    "lets %s through (%s), and the refusal says how",
    (range) => {
      const address = sample(range);
      expect(checkAddress(address, STRICT)).toMatchObject({ cure: expect.stringContaining("peers.allowRanges") });
      expect(allowanceFault(range)).toBeUndefined();
      expect(checkAddress(address, allowing(range))).toHaveProperty("address", address);
    },
  );

  test.each(REFUSED_RANGES.filter((r) => !r.canBeAllowed).map((r) => [r.range, r.why]))(
    "cannot let %s through (%s), which is never probed",
    (range, why) => {
      expect(allowanceFault(range)?.problem).toContain(`${why} and is never probed`);
      expect(checkAddress(sample(range), allowing(range, "0.0.0.0/0", "::/0"))).toHaveProperty("refused");
    },
  );

  test("is documented with every range it takes", () => {
    const page = readFileSync(new URL("../../docs/membership.md", import.meta.url), "utf8");
    const undocumented = REFUSED_RANGES.filter((r) => r.canBeAllowed && !page.includes(`| \`${r.range}\` |`));
    expect(undocumented).toEqual([]);
  });

  test("takes a part of a range, and not a range around it", () => {
    expect(allowanceFault("169.254.16.0/20")).toBeUndefined();
    expect(allowanceFault("169.0.0.0/8")?.problem).toContain("not inside");
    expect(allowanceFault("10.0.0.0/8")?.cure).toContain("need no entry");
    expect(checkAddress("169.254.1.1", allowing("169.254.16.0/20"))).toHaveProperty("refused");
  });

  test("never lets the metadata service through with the range around it", () => {
    expect(checkAddress("169.254.169.254", allowing("169.254.0.0/16"))).toHaveProperty("refused");
    expect(allowanceFault("169.254.169.254")?.problem).toContain("never probed");
  });
});
