import { describe, expect, test } from "vitest";
import { familyOf, ipFromBytes, ipRanges, parseIp, unmapped } from "../../agent/base/ip.ts";

describe("an address", () => {
  test.each([
    ["10.0.0.1", "10.0.0.1"],
    ["fd00:244:1::2", "fd00:244:1::2"],
    ["FD00:244:1:0:0::2", "fd00:244:1::2"],
    ["fd00:0244:0001:0000:0000:0000:0000:0002", "fd00:244:1::2"],
    ["::", "::"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["::192.0.2.1", "::c000:201"],
    ["64:ff9b::192.0.2.1", "64:ff9b::c000:201"],
    ["::ffff:192.0.2.1", "::ffff:c000:201"],
  ])("%s is read and shown as %s", (text, canonical) => {
    const ip = parseIp(text)!;
    expect(ip.text).toBe(canonical);
    expect(ip.family).toBe(familyOf(text));
    expect(ipFromBytes(ip.bytes)).toEqual(ip);
  });

  test.each([
    "",
    " 10.0.0.1",
    "10.0.0",
    "010.0.0.1",
    "0x7f.0.0.1",
    "2130706433",
    "1::2::3",
    "fe80::1%eth0",
    "node-1",
    "10.0.0.256",
  ])("'%s' is none", (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  test("that a dual-stack socket shows as mapped is the IPv4 one, and no other becomes one", () => {
    const plain = (text: string) => unmapped(parseIp(text)!).text;
    expect(plain("::ffff:192.0.2.1")).toBe("192.0.2.1");
    expect(plain("192.0.2.1")).toBe("192.0.2.1");
    expect(plain("::192.0.2.1")).toBe("::c000:201");
    expect(plain("fd00::ffff:c000:201")).toBe("fd00::ffff:c000:201");
  });
});

describe("ranges", () => {
  const within = ipRanges(["10.0.0.0/8", "192.0.2.7", "fd00:1::/32", "::1"]);

  test.each(["10.255.0.1", "192.0.2.7", "fd00:1:ffff::1", "FD00:0001::9", "::1", "0:0:0:0:0:0:0:1"])(
    "hold %s",
    (ip) => {
      expect(within(ip)).toBe(true);
    },
  );

  test.each(["11.0.0.1", "192.0.2.8", "fd00:2::1", "::2", "::ffff:10.0.0.1", "nonsense", "fe80::1%eth0"])(
    "do not hold %s",
    (ip) => {
      expect(within(ip)).toBe(false);
    },
  );

  test.each(["10.0.0.0/33", "fd00::/129", "10.0.0.0/8/8", "10.0.0.0/", "10.0.0.0/x", "example.org", ""])(
    "cannot be made of '%s', which the error names",
    (entry) => {
      expect(() => ipRanges(["::1", entry])).toThrow(`'${entry}' is not an address or CIDR`);
    },
  );
});
