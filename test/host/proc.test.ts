import { describe, expect, test } from "vitest";
import { parseNamesAndNumbers, parsePairsOfLines, parseResolver, parseSoftnet } from "../../agent/host/proc.ts";
import { parseSocket } from "../../agent/host/sockets.ts";

describe("/proc/net", () => {
  test("counters of a protocol stand below their names, and what is 0 or has no value is left out", () => {
    const text =
      "Ip: Forwarding DefaultTTL InReceives\nIp: 2 64 0\nTcp: RtoAlgorithm MaxConn RetransSegs\nTcp: 1 -1 17\n";
    expect(parsePairsOfLines(text)).toEqual({
      "Ip.Forwarding": 2,
      "Ip.DefaultTTL": 64,
      "Tcp.RtoAlgorithm": 1,
      "Tcp.RetransSegs": 17,
    });
  });

  test("two lines of different protocols are not paired", () => {
    expect(parsePairsOfLines("Ip: A\nTcp: 1\n")).toEqual({});
  });

  test("a kernel that tells more counters than there is room for is cut off", () => {
    const names = Array.from({ length: 900 }, (_, i) => `N${i}`);
    const text = `X: ${names.join(" ")}\nX: ${names.map(() => "1").join(" ")}\n`;
    expect(Object.keys(parsePairsOfLines(text))).toHaveLength(512);
  });

  test("IPv6 has a counter a line", () => {
    expect(
      parseNamesAndNumbers("Ip6InReceives                   \t127\nIp6InHdrErrors                  \t0\n"),
    ).toEqual({
      Ip6InReceives: 127,
    });
  });

  test("softnet is summed over processors", () => {
    const text =
      "0000000a 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000\n" +
      "00000010 00000000 000000ff 00000000\n";
    expect(parseSoftnet(text)).toEqual({ processors: 2, processed: 26, dropped: 1, squeezed: 257 });
  });

  test("resolv.conf is read without its comments, and the last search list counts", () => {
    const text =
      "# made by hand\nnameserver 10.96.0.10 ; the cluster's\nsearch old\nsearch default.svc.cluster.local svc.cluster.local\noptions ndots:5\nnameserver fd00::a\n";
    expect(parseResolver(text)).toEqual({
      servers: ["10.96.0.10", "fd00::a"],
      search: ["default.svc.cluster.local", "svc.cluster.local"],
      options: ["ndots:5"],
    });
  });
});

describe("a socket", () => {
  const tcp = { protocol: "tcp", family: "ipv4" } as const;

  test("that listens has nobody at the other end", () => {
    const line =
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 7431 1 0000000000000000 100 0 0 10 0";
    expect(parseSocket(line, tcp)).toEqual({
      protocol: "tcp",
      family: "ipv4",
      state: "listen",
      local: { address: "127.0.0.1", port: 8080 },
      receiveQueue: 3,
      sendQueue: 0,
    });
  });

  test("of IPv6 is read word by word, and IPv4 within it told as IPv4", () => {
    const line =
      "   1: 0000000000000000FFFF00000100007F:1F90 B80D0120000000000000000001000000:C350 01 00000010:00000000 02:000A 0 0 0 0";
    expect(parseSocket(line, { protocol: "tcp", family: "ipv6" })).toMatchObject({
      state: "established",
      local: { address: "127.0.0.1", port: 8080 },
      remote: { address: "2001:db8::1", port: 50_000 },
      sendQueue: 16,
    });
  });

  test("of UDP tells what was thrown away", () => {
    const line = "  42: 00000000:1EA3 00000000:0000 07 00000000:00000000 00:00000000 00000000  0 0 9 2 0000 12";
    expect(parseSocket(line, { protocol: "udp", family: "ipv4" })).toMatchObject({
      state: "open",
      local: { address: "0.0.0.0", port: 7843 },
      drops: 12,
    });
  });

  test.each([
    "",
    "  sl  local_address rem_address   st tx_queue",
    "0: 0100007F 00000000:0000 0A 0:0",
    "0: ZZ00007F:1F90 00000000:0000 0A 00000000:00000000",
  ])("is not what '%s' tells of", (line) => {
    expect(parseSocket(line, tcp)).toBeUndefined();
  });
});
