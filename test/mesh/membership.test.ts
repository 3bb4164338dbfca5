import { describe, expect, test } from "vitest";
import { Membership, type MembershipOptions } from "../../agent/mesh/membership.ts";
import type { LearntIdentities } from "../../agent/mesh/peer-addresses.ts";
import type { Endpoint } from "../../agent/mesh/source.ts";
import type { Addresses } from "../../agent/model/peer.ts";
import { FakeClock } from "../support/fake-clock.ts";

let nextPod = 0;
function endpoint(name: string, changes: Partial<Endpoint> & { readonly zone?: string } = {}): Endpoint {
  const { zone = "zone-a", ...rest } = changes;
  nextPod += 1;
  return {
    node: { name, zone },
    id: `uid-${name}`,
    podAddresses: { ipv4: `10.0.${nextPod >> 8}.${nextPod & 255}` },
    nodeAddresses: {},
    serving: true,
    terminating: false,
    ...rest,
  };
}

const SELF = endpoint("node-1", { podAddresses: { ipv4: "10.9.9.9" } });

function mesh(options: Partial<MembershipOptions> = {}) {
  const clock = new FakeClock();
  const learnt = new Map<string, Addresses>();
  const answered = new Map<string, string>();
  const troubles = new Map<string, string>();
  const membership = new Membership({
    self: { name: "node-1", zone: "" },
    ownAddresses: { pod: ["10.9.9.9"], node: ["192.168.9.9"] },
    networks: ["pod"],
    families: ["ipv4"],
    zonesComeLater: true,
    allowLoopback: false,
    isAllowed: () => false,
    ...options,
  });
  const identities: LearntIdentities = {
    own: (name) => learnt.get(name),
    relayed: () => ({}),
    answeredAt: (address) => answered.get(address),
    trouble: (name) => troubles.get(name),
  };
  const decide = () => membership.decide(clock.monotonicNs(), identities);
  return {
    clock,
    learnt,
    answered,
    troubles,
    membership,
    decide,
    list(...endpoints: Endpoint[]) {
      const verdict = membership.list(endpoints, clock.monotonicNs());
      decide();
      return verdict;
    },
    afterSeconds(seconds: number) {
      clock.advanceMs(seconds * 1_000);
      return decide();
    },
    names: () => membership.peers().map((peer) => peer.node.name),
    known: (name: string) => membership.members().find((k) => k.node.name === name),
  };
}

describe("who is a peer", () => {
  test("every listed node but this one is a peer, in order of name", () => {
    const m = mesh();
    m.list(endpoint("node-3"), SELF, endpoint("node-2"));
    expect(m.names()).toEqual(["node-2", "node-3"]);
    expect(m.known("node-1")?.state).toBe("self");
  });

  test("a peer that is not serving is still probed, and says so", () => {
    const m = mesh();
    m.list(SELF, endpoint("node-2", { serving: false }));
    expect(m.membership.peers()).toMatchObject([{ node: { name: "node-2" }, serving: false }]);
    expect(m.known("node-2")?.state).toBe("not_serving");
  });

  test("a peer that is gone from the list is gone at once", () => {
    const m = mesh();
    m.list(SELF, endpoint("node-2"), endpoint("node-3"));
    m.list(SELF, endpoint("node-3"));
    expect(m.names()).toEqual(["node-3"]);
    expect(m.known("node-2")).toBeUndefined();
  });

  test("an endpoint with this agent's own address under another name is not probed and is explained", () => {
    const m = mesh();
    m.list(SELF, endpoint("node-one.internal", { podAddresses: { ipv4: "10.9.9.9" } }), endpoint("node-2"));
    expect(m.names()).toEqual(["node-2"]);
    expect(m.known("node-one.internal")).toMatchObject({
      state: "unprobed",
      unprobed: [{ network: "pod", reason: "shared_address", text: expect.stringContaining("this agent's own") }],
    });
  });

  test("a peer that did not change is the same object, and no change is reported", () => {
    const m = mesh();
    const [two, three] = [endpoint("node-2"), endpoint("node-3")];
    m.list(SELF, two, three);
    const before = m.membership.peers();
    m.list(SELF, { ...three }, { ...two });
    expect(m.membership.peers()).toBe(before);
    m.list(SELF, two, { ...three, serving: false });
    expect(m.membership.peers()[0]).toBe(before[0]);
    expect(m.membership.peers()[1]).not.toBe(before[1]);
  });
});

describe("terminating", () => {
  test("a terminating peer is left alone for 60 s and is a peer again after that", () => {
    const m = mesh();
    const two = endpoint("node-2");
    m.list(SELF, two);
    m.list(SELF, { ...two, terminating: true });
    expect(m.names()).toEqual([]);
    expect(m.known("node-2")).toMatchObject({ state: "unprobed", unprobed: [{ reason: "terminating" }] });
    m.afterSeconds(59);
    expect(m.names()).toEqual([]);
    expect(m.afterSeconds(1)).toBe(true);
    expect(m.names()).toEqual(["node-2"]);
  });

  test("it is known when time alone will change something", () => {
    const m = mesh();
    const nowNs = m.clock.monotonicNs();
    m.list(SELF, endpoint("node-2"));
    expect(m.membership.nextDecisionNs()).toBe(Infinity);
    m.list(SELF, endpoint("node-2", { terminating: true }), endpoint("node-3", { terminating: true }));
    expect(m.membership.nextDecisionNs()).toBe(nowNs + 60e9);
    m.list(SELF, endpoint("node-2", { terminating: true }), endpoint("node-4", { zone: "" }));
    expect(m.membership.nextDecisionNs()).toBe(nowNs + 30e9);
    m.afterSeconds(60);
    expect(m.membership.nextDecisionNs()).toBe(Infinity);
  });

  test("the 60 s begin when termination is first seen, not with each list", () => {
    const m = mesh();
    const ending = endpoint("node-2", { terminating: true });
    m.list(SELF, ending);
    m.afterSeconds(40);
    m.list(SELF, { ...ending });
    m.afterSeconds(21);
    expect(m.names()).toEqual(["node-2"]);
  });

  test("a terminating endpoint with a successor on the same node gives way to it at once", () => {
    const m = mesh();
    const old = endpoint("node-2", { id: "old", terminating: true, podAddresses: { ipv4: "10.0.7.1" } });
    m.list(SELF, old);
    m.list(SELF, old, endpoint("node-2", { id: "new", podAddresses: { ipv4: "10.0.7.2" } }));
    expect(m.membership.peers()).toMatchObject([{ addresses: { pod: { ipv4: "10.0.7.2" } } }]);
    m.afterSeconds(61);
    expect(m.membership.peers()).toMatchObject([{ addresses: { pod: { ipv4: "10.0.7.2" } } }]);
  });
});

describe("two endpoints on one node", () => {
  const old = endpoint("node-2", { id: "a-old", podAddresses: { ipv4: "10.0.8.1" } });
  const young = endpoint("node-2", { id: "b-young", podAddresses: { ipv4: "10.0.8.2" }, serving: false });

  test("the newest speaks for the node, whatever the order of the list and though it does not serve yet", () => {
    const m = mesh();
    m.list(SELF, old);
    m.list(SELF, young, old);
    expect(m.membership.peers()).toMatchObject([{ addresses: { pod: { ipv4: "10.0.8.2" } } }]);
    m.list(SELF, old, young);
    expect(m.membership.peers()).toMatchObject([{ addresses: { pod: { ipv4: "10.0.8.2" } } }]);
  });

  test("of two that were listed together first, the one that serves speaks", () => {
    for (const order of [
      [old, young],
      [young, old],
    ]) {
      const m = mesh();
      m.list(SELF, ...order);
      expect(m.membership.peers()).toMatchObject([{ addresses: { pod: { ipv4: "10.0.8.1" } } }]);
    }
  });

  test("when the newest begins to terminate, the older one speaks again", () => {
    const m = mesh();
    m.list(SELF, old);
    m.list(SELF, old, young);
    m.list(SELF, old, { ...young, terminating: true });
    expect(m.membership.peers()).toMatchObject([{ addresses: { pod: { ipv4: "10.0.8.1" } } }]);
  });
});

describe("what is known is kept", () => {
  test("nothing changes in an hour without a word from the source", () => {
    const m = mesh();
    m.list(SELF, endpoint("node-2"), endpoint("node-3", { serving: false }));
    const before = m.membership.peers();
    for (let minute = 0; minute < 60; minute += 1) expect(m.afterSeconds(60)).toBe(false);
    expect(m.membership.peers()).toBe(before);
  });

  test("an empty list is not believed once anything is known", () => {
    const m = mesh();
    m.list(SELF, endpoint("node-2"));
    expect(m.list()).toBe("kept-last-known");
    expect(m.names()).toEqual(["node-2"]);
    expect(m.list(SELF, endpoint("node-3"))).toBe("taken");
    expect(m.names()).toEqual(["node-3"]);
  });

  test("an empty list is taken while nothing is known yet", () => {
    const m = mesh();
    expect(m.list()).toBe("taken");
    expect(m.names()).toEqual([]);
  });
});

describe("zones", () => {
  test("a missing zone keeps the last known, also over the absence of the node", () => {
    const m = mesh();
    m.list(SELF, endpoint("node-2", { zone: "zone-b" }));
    m.list(SELF, endpoint("node-2", { zone: "" }));
    expect(m.membership.peers()).toMatchObject([{ node: { zone: "zone-b" } }]);
    m.list(SELF);
    m.afterSeconds(600);
    m.list(SELF, endpoint("node-2", { zone: "" }));
    expect(m.membership.peers()).toMatchObject([{ node: { zone: "zone-b" } }]);
  });

  test("a zone that changed is taken", () => {
    const m = mesh();
    m.list(SELF, endpoint("node-2", { zone: "zone-b" }));
    m.list(SELF, endpoint("node-2", { zone: "zone-c" }));
    expect(m.membership.peers()).toMatchObject([{ node: { zone: "zone-c" } }]);
  });

  test("a pair starts at once when both zones are known", () => {
    const m = mesh();
    m.list(SELF, endpoint("node-2"));
    expect(m.names()).toEqual(["node-2"]);
    expect(m.membership.self()).toEqual({ name: "node-1", zone: "zone-a" });
  });

  test("a pair waits for the peer's zone, and starts without it after 30 s", () => {
    const m = mesh();
    const two = endpoint("node-2", { zone: "" });
    m.list(SELF, two);
    expect(m.known("node-2")).toMatchObject({ state: "unprobed", unprobed: [{ reason: "zone" }] });
    m.afterSeconds(29);
    expect(m.names()).toEqual([]);
    m.afterSeconds(1);
    expect(m.membership.peers()).toMatchObject([{ node: { name: "node-2", zone: "" } }]);
  });

  test("all pairs wait for this node's own zone, and start the moment it is known", () => {
    const m = mesh();
    const two = endpoint("node-2");
    m.list(two);
    m.afterSeconds(10);
    expect(m.names()).toEqual([]);
    m.list(two, SELF);
    expect(m.names()).toEqual(["node-2"]);
  });

  test("this node's own missing zone keeps the last known", () => {
    const m = mesh();
    m.list(SELF, endpoint("node-2"));
    m.list({ ...SELF, node: { name: "node-1", zone: "" } }, endpoint("node-2"));
    expect(m.membership.self().zone).toBe("zone-a");
  });

  test("nobody waits where the source has no zones to come", () => {
    const m = mesh({ zonesComeLater: false });
    m.list(endpoint("node-1", { zone: "" }), endpoint("node-2", { zone: "" }));
    expect(m.names()).toEqual(["node-2"]);
  });
});

describe("addresses", () => {
  const BOTH = { networks: ["pod", "node"], families: ["ipv4", "ipv6"] } as const;

  test("addresses that are never probed are left out, and a peer with no other is explained", () => {
    const m = mesh({ families: ["ipv4", "ipv6"] });
    m.list(
      SELF,
      endpoint("node-2", { podAddresses: { ipv4: "169.254.169.254", ipv6: "fd00::2" } }),
      endpoint("node-3", { podAddresses: { ipv4: "127.0.0.1" } }),
    );
    expect(m.membership.peers()).toMatchObject([{ node: { name: "node-2" }, addresses: { pod: { ipv6: "fd00::2" } } }]);
    expect(m.membership.peers()[0]!.addresses.pod.ipv4).toBeUndefined();
    expect(m.known("node-2")).toMatchObject({
      state: "serving",
      unprobed: [{ network: "pod", reason: "address", text: expect.stringContaining("metadata service") }],
    });
    expect(m.known("node-3")).toMatchObject({
      state: "unprobed",
      unprobed: [
        { reason: "address", text: expect.stringMatching(/127\.0\.0\.1 is refused: loopback.*allowLoopback/) },
      ],
    });
  });

  test("loopback is probed only where it is allowed", () => {
    const m = mesh({ allowLoopback: true });
    m.list(SELF, endpoint("node-3", { podAddresses: { ipv4: "127.0.0.3" } }));
    expect(m.membership.peers()).toMatchObject([{ addresses: { pod: { ipv4: "127.0.0.3" } } }]);
  });

  test("node addresses that were learnt later become the peer's, and the source's own win", () => {
    const m = mesh(BOTH);
    m.list(SELF, endpoint("node-2"), endpoint("node-3", { nodeAddresses: { ipv4: "192.168.0.3" } }));
    m.learnt.set("node-2", { ipv4: "192.168.0.2" }).set("node-3", { ipv4: "192.168.0.99", ipv6: "fd01::3" });
    expect(m.decide()).toBe(true);
    expect(m.membership.peers().map((peer) => peer.addresses.node)).toEqual([
      { ipv4: "192.168.0.2" },
      { ipv4: "192.168.0.3", ipv6: "fd01::3" },
    ]);
  });

  test("a learnt address that is never probed is refused, and said", () => {
    const m = mesh(BOTH);
    m.list(SELF, endpoint("node-2"));
    m.learnt.set("node-2", { ipv4: "169.254.169.254" });
    expect(m.decide()).toBe(false);
    expect(m.membership.peers()[0]!.addresses.node).toEqual({});
    expect(m.known("node-2")).toMatchObject({
      state: "serving",
      unprobed: [{ network: "node", reason: "address", text: expect.stringContaining("169.254.169.254 is refused") }],
    });
  });

  test("a node address that nobody told is a wait until the peer was asked, then a fault with what went wrong", () => {
    const m = mesh(BOTH);
    m.list(SELF, endpoint("node-2"));
    expect(m.known("node-2")).toMatchObject({ unprobed: [{ network: "node", reason: "asking" }] });
    m.troubles.set("node-2", "connect ECONNREFUSED 10.0.0.2:8843");
    m.decide();
    expect(m.known("node-2")).toMatchObject({
      state: "serving",
      unprobed: [{ network: "node", reason: "node_address", text: expect.stringContaining("ECONNREFUSED") }],
    });
    m.troubles.clear();
    m.learnt.set("node-2", {});
    m.decide();
    expect(m.known("node-2")).toMatchObject({
      unprobed: [{ reason: "node_address", text: expect.stringContaining("does not know its node's address") }],
    });
  });

  test("where only the node network is probed, a peer without node address is not probed at all", () => {
    const m = mesh({ networks: ["node"] });
    m.list(SELF, endpoint("node-2"));
    expect(m.known("node-2")).toMatchObject({ state: "unprobed", unprobed: [{ reason: "asking" }] });
    m.learnt.set("node-2", { ipv4: "192.168.0.2" });
    expect(m.decide()).toBe(true);
    expect(m.names()).toEqual(["node-2"]);
  });

  describe("on the host's network, where the list has the nodes' addresses", () => {
    const host = { ownAddresses: { pod: ["192.168.9.9"], node: ["192.168.9.9"] }, networks: ["node"] } as const;
    const self = endpoint("node-1", { podAddresses: { ipv4: "192.168.9.9" } });
    const two = endpoint("node-2", { podAddresses: { ipv4: "192.168.0.2" } });

    test("a peer is probed though it cannot be asked", () => {
      const m = mesh(host);
      m.troubles.set("node-2", "connect ETIMEDOUT");
      m.list(self, two);
      expect(m.membership.peers()).toMatchObject([{ addresses: { node: { ipv4: "192.168.0.2" } } }]);
      expect(m.known("node-2")).toMatchObject({ state: "serving", unprobed: [], nodeAddressesAreLearnt: false });
    });

    test("its own word wins", () => {
      const m = mesh(host);
      m.list(self, two);
      m.learnt.set("node-2", { ipv4: "172.16.0.2" });
      m.decide();
      expect(m.membership.peers()).toMatchObject([{ addresses: { node: { ipv4: "172.16.0.2" } } }]);
    });
  });

  describe("families", () => {
    const dual = { ownAddresses: { pod: ["10.9.9.9", "fd00::9"], node: ["192.168.9.9"] } };

    test("a peer without an address of the family that is probed is a fault", () => {
      const m = mesh({ families: ["ipv6"] });
      m.list(SELF, endpoint("node-2"));
      expect(m.known("node-2")).toMatchObject({
        state: "unprobed",
        unprobed: [{ network: "pod", reason: "family", text: expect.stringMatching(/no IPv6 address.*it has IPv4/) }],
      });
    });

    test("a peer that lacks what this node has is a fault, and what this node lacks too is none", () => {
      const m = mesh({ ...BOTH, ...dual });
      m.learnt.set("node-2", { ipv4: "192.168.0.2" }).set("node-3", { ipv4: "192.168.0.3" });
      m.list(SELF, endpoint("node-2"), endpoint("node-3", { podAddresses: { ipv4: "10.0.0.3", ipv6: "fd00::3" } }));
      expect(m.known("node-2")).toMatchObject({
        state: "serving",
        unprobed: [{ network: "pod", reason: "family", text: expect.stringContaining("IPv6") }],
      });
      expect(m.known("node-3")).toMatchObject({ state: "serving", unprobed: [] });
    });
  });
});
