import { describe, expect, test } from "vitest";
import { FAILED, REFUSED, type Outcome } from "../../agent/model/outcome.ts";
import { conntrackState } from "../../agent/probes/conntrack.ts";
import { errnoEvent, icmpEvent } from "../../agent/probes/kernel-events.ts";

const notFull = () => "not-full" as const;
const outcome = (o: Outcome) => ({ kind: "outcome", outcome: o });

describe("an errno", () => {
  test.each(["ENOBUFS", "EAGAIN", "EMFILE", "ENFILE", "ENOMEM", "EADDRNOTAVAIL", "EINVAL", "EMSGSIZE", "UNKNOWN"])(
    "%s is our own machine's fault",
    (errno) => {
      expect(errnoEvent(errno, notFull)).toEqual({ kind: "local" });
    },
  );

  test.each([
    ["ECONNREFUSED", REFUSED],
    ["ENETUNREACH", FAILED.unreachable],
    ["EHOSTUNREACH", FAILED.unreachable],
    ["ENETDOWN", FAILED.unreachable],
    ["EACCES", FAILED.blocked],
    ["ETIMEDOUT", FAILED.timeout],
  ])("%s has its outcome", (errno, expected) => {
    expect(errnoEvent(errno, notFull)).toEqual(outcome(expected));
  });

  test("EPERM is a policy's, unless the connection tracking table is full", () => {
    expect(errnoEvent("EPERM", notFull)).toEqual(outcome(FAILED.blocked));
    expect(errnoEvent("EPERM", () => "full")).toEqual({ kind: "local" });
  });

  test("the connection tracking table is looked at for EPERM only", () => {
    const never = () => {
      throw new Error("looked");
    };
    expect(errnoEvent("ENOBUFS", never)).toEqual({ kind: "local" });
    expect(() => errnoEvent("EPERM", never)).toThrow("looked");
  });
});

describe("an ICMP error", () => {
  test.each([
    ["ipv4", 3, 3, REFUSED],
    ["ipv4", 3, 0, FAILED.unreachable],
    ["ipv4", 3, 9, FAILED.blocked],
    ["ipv4", 3, 10, FAILED.blocked],
    ["ipv4", 3, 13, FAILED.blocked],
    ["ipv4", 11, 0, FAILED.unreachable],
    ["ipv6", 1, 4, REFUSED],
    ["ipv6", 1, 0, FAILED.unreachable],
    ["ipv6", 1, 1, FAILED.blocked],
    ["ipv6", 1, 6, FAILED.blocked],
    ["ipv6", 3, 0, FAILED.unreachable],
  ] as const)("of %s type %i code %i has its outcome", (family, type, code, expected) => {
    expect(icmpEvent(family, { type, code, fromTarget: true })).toEqual(outcome(expected));
  });

  test.each([
    ["ipv4", 3, 3, FAILED.blocked],
    ["ipv4", 3, 2, FAILED.blocked],
    ["ipv4", 3, 1, FAILED.unreachable],
    ["ipv4", 3, 13, FAILED.blocked],
    ["ipv4", 11, 0, FAILED.unreachable],
    ["ipv6", 1, 4, FAILED.blocked],
    ["ipv6", 1, 3, FAILED.unreachable],
  ] as const)("of %s type %i code %i from a host on the way is no refusal", (family, type, code, expected) => {
    expect(icmpEvent(family, { type, code, fromTarget: false })).toEqual(outcome(expected));
  });

  test("that a packet was too big says nothing of the path", () => {
    expect(icmpEvent("ipv4", { type: 3, code: 4, fromTarget: false })).toEqual({ kind: "ignore" });
    expect(icmpEvent("ipv6", { type: 2, code: 0, fromTarget: false })).toEqual({ kind: "ignore" });
  });
});

describe("the connection tracking table", () => {
  const table = (count: number, max: number) => (path: string) => `${path.endsWith("count") ? count : max}\n`;

  test("is full when nearly every entry is taken", () => {
    expect(conntrackState(table(262_144, 262_144))).toBe("full");
    expect(conntrackState(table(260_000, 262_144))).toBe("full");
    expect(conntrackState(table(200_000, 262_144))).toBe("not-full");
  });

  test("is not full where there is none", () => {
    const missing = () => {
      throw new Error("ENOENT");
    };
    expect(conntrackState(missing)).toBe("not-full");
  });
});
