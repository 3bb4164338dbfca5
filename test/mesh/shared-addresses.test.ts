import { describe, expect, test } from "vitest";
import { Membership, type MembershipOptions } from "../../agent/mesh/membership.ts";
import type { Endpoint } from "../../agent/mesh/source.ts";
import type { Addresses } from "../../agent/model/peer.ts";
import { FakeClock } from "../support/fake-clock.ts";

const endpoint = (number: number, ipv4: string, rest: Partial<Endpoint> = {}): Endpoint => ({
  node: { name: `node-${number}`, zone: "zone-a" },
  id: `uid-${number}`,
  podAddresses: { ipv4 },
  nodeAddresses: {},
  serving: true,
  terminating: false,
  ...rest,
});

function mesh(options: Partial<MembershipOptions> = {}) {
  const clock = new FakeClock();
  const nodeAddresses = new Map<string, Addresses>();
  const answered = new Map<string, string>();
  const membership = new Membership({
    self: { name: "node-1", zone: "zone-a" },
    ownAddresses: { pod: ["10.0.0.1"], node: ["192.168.0.1"] },
    networks: ["pod", "node"],
    families: ["ipv4"],
    zonesComeLater: true,
    allowLoopback: false,
    isAllowed: () => false,
    ...options,
  });
  const decide = () =>
    membership.decide(clock.monotonicNs(), {
      own: (name) => nodeAddresses.get(name),
      relayed: () => ({}),
      answeredAt: (address) => answered.get(address),
      trouble: () => undefined,
    });
  return {
    nodeAddresses,
    answered,
    decide,
    list(...endpoints: Endpoint[]) {
      membership.list([endpoint(1, "10.0.0.1"), ...endpoints], clock.monotonicNs());
      decide();
    },
    pod: (number: number) => membership.members().find((k) => k.node.name === `node-${number}`)!.podAddresses.ipv4,
    node: (number: number) => membership.members().find((k) => k.node.name === `node-${number}`)!.nodeAddresses.ipv4,
    why: (number: number, network: "pod" | "node") =>
      membership
        .members()
        .find((k) => k.node.name === `node-${number}`)!
        .unprobed.find((u) => u.network === network),
    askedAt: (number: number) => membership.members().find((k) => k.node.name === `node-${number}`)!.askedAt,
  };
}

describe("one pod address listed for two nodes", () => {
  const REUSED = "10.0.0.7";

  test("is the newer endpoint's, and the other says whose it is", () => {
    const m = mesh();
    m.list(endpoint(2, REUSED));
    expect(m.pod(2)).toBe(REUSED);
    m.list(endpoint(2, REUSED), endpoint(3, REUSED));
    expect([m.pod(2), m.pod(3)]).toEqual([undefined, REUSED]);
    expect(m.why(2, "pod")).toMatchObject({
      reason: "shared_address",
      text: "its pod address 10.0.0.7 is that of node-3, whose endpoint is newer",
    });
    m.list(endpoint(2, REUSED));
    expect(m.pod(2)).toBe(REUSED);
  });

  test("is whose endpoint serves, though the other is newer", () => {
    const m = mesh();
    m.list(endpoint(2, REUSED));
    m.list(endpoint(2, REUSED), endpoint(3, REUSED, { serving: false }));
    expect([m.pod(2), m.pod(3)]).toEqual([REUSED, undefined]);
    expect(m.why(3, "pod")?.text).toContain("which serves while this endpoint does not");
  });

  test("is whose endpoint is staying, when the other is terminating", () => {
    const m = mesh();
    m.list(endpoint(3, REUSED, { serving: false }));
    m.list(endpoint(2, REUSED, { terminating: true }), endpoint(3, REUSED, { serving: false }));
    expect([m.pod(2), m.pod(3)]).toEqual([undefined, REUSED]);
  });

  test("is whose agent answers there, whatever lists say", () => {
    const m = mesh();
    m.list(endpoint(2, REUSED), endpoint(3, REUSED));
    expect([m.pod(2), m.pod(3)], "nothing tells them apart: the first, until somebody answers").toEqual([
      REUSED,
      undefined,
    ]);
    m.answered.set(REUSED, "node-3");
    m.decide();
    expect([m.pod(2), m.pod(3)]).toEqual([undefined, REUSED]);
    expect(m.why(2, "pod")?.text).toContain("which answers there");
    m.list(endpoint(2, REUSED, { id: "newer" }), endpoint(3, REUSED));
    expect([m.pod(2), m.pod(3)]).toEqual([undefined, REUSED]);
  });

  test("is one address however it is spelled", () => {
    const m = mesh({ families: ["ipv6"], ownAddresses: { pod: ["FD00:0::1"], node: [] } });
    const at = (number: number, ipv6: string) => endpoint(number, "", { podAddresses: { ipv6 } });
    m.list(at(2, "fd00:244:1::2"), at(3, "FD00:244:1:0:0::2"), at(4, "fd00::0001"));
    expect(m.why(3, "pod")).toMatchObject({ reason: "shared_address", text: expect.stringContaining("node-2") });
    expect(m.why(4, "pod")).toMatchObject({ reason: "shared_address", text: expect.stringContaining("agent's own") });
  });
});

test("the same pod address on every node leaves no peer, and each says that it is this agent's own", () => {
  const m = mesh();
  m.list(endpoint(2, "10.0.0.1"), endpoint(3, "10.0.0.1"));
  for (const number of [2, 3]) {
    expect(m.pod(number)).toBeUndefined();
    expect(m.why(number, "pod")).toMatchObject({
      reason: "shared_address",
      text: "its pod address 10.0.0.1 is this agent's own, and node.name is node-1",
    });
    expect(m.askedAt(number), "its own address would answer as this agent").toEqual({});
  }
});

test("an agent that was not told its own addresses knows them from its own endpoint", () => {
  const m = mesh({ ownAddresses: { pod: [], node: [] } });
  m.list(endpoint(2, "10.0.0.1"), endpoint(3, "10.0.0.3"));
  expect([m.pod(2), m.pod(3)]).toEqual([undefined, "10.0.0.3"]);
});

describe("another node answers at a peer's address", () => {
  test("it is not measured as that peer, its node network is, and it is asked again", () => {
    const m = mesh();
    m.nodeAddresses.set("node-2", { ipv4: "192.168.0.2" });
    m.list(endpoint(2, "10.0.0.2"));
    m.answered.set("10.0.0.2", "node-9");
    m.decide();
    expect(m.pod(2)).toBeUndefined();
    expect(m.node(2)).toBe("192.168.0.2");
    expect(m.why(2, "pod")).toMatchObject({ reason: "identity", text: "node-9 answers at its pod address 10.0.0.2" });
    expect(m.askedAt(2)).toEqual({ ipv4: "10.0.0.2" });
    m.answered.set("10.0.0.2", "node-2");
    m.decide();
    expect(m.pod(2)).toBe("10.0.0.2");
    expect(m.why(2, "pod")).toBeUndefined();
  });
});

describe("one node address of several nodes", () => {
  const NAT = "10.0.2.15";

  test("is nobody's: nothing tells who of them answers there", () => {
    const m = mesh();
    for (const number of [2, 3, 4, 5, 6]) m.nodeAddresses.set(`node-${number}`, { ipv4: NAT });
    m.list(...[2, 3, 4, 5, 6].map((number) => endpoint(number, `10.0.0.${number}`)));
    for (const number of [2, 3, 4, 5, 6]) expect(m.node(number)).toBeUndefined();
    expect(m.why(2, "node")).toMatchObject({
      reason: "shared_address",
      text: "its node address 10.0.2.15 is that of node-3, node-4, node-5 and 1 more as well",
    });
    expect(m.pod(2), "the pod network is probed").toBe("10.0.0.2");
  });

  test("and of this node is said for each of the others", () => {
    const m = mesh({ ownAddresses: { pod: ["10.0.0.1"], node: [NAT] } });
    m.nodeAddresses.set("node-2", { ipv4: NAT });
    m.list(endpoint(2, "10.0.0.2"));
    expect(m.why(2, "node")).toMatchObject({
      reason: "shared_address",
      text: "its node address 10.0.2.15 is that of node-1 as well",
    });
  });

  test("is the only one's that serves: a machine that was replaced is still listed", () => {
    const m = mesh();
    m.nodeAddresses.set("node-2", { ipv4: NAT }).set("node-3", { ipv4: NAT });
    m.list(endpoint(2, "10.0.0.2", { serving: false }), endpoint(3, "10.0.0.3"));
    expect([m.node(2), m.node(3)]).toEqual([undefined, NAT]);
  });
});
