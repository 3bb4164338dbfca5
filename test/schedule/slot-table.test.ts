import { describe, expect, test } from "vitest";
import type { Peer } from "../../agent/model/peer.ts";
import type { Slot } from "../../agent/model/slot.ts";
import { SlotTable, type ProbePlan } from "../../agent/schedule/slot-table.ts";

const SELF = { name: "a", zone: "z1" };
const PLAN: ProbePlan = {
  networks: (protocol) => (protocol === "icmp" ? ["pod", "node"] : ["pod"]),
  families: ["ipv4"],
};

const peer = (name: string, more: Partial<Peer> = {}): Peer => ({
  node: { name, zone: "z2" },
  addresses: { pod: { ipv4: `10.0.0.${name.length}` }, node: { ipv4: `192.168.0.${name.length}` } },
  serving: true,
  ...more,
});

function table() {
  const events: string[] = [];
  const name = (s: Slot) => `${s.pair.destination.name}/${s.network}/${s.protocol}/${s.family}`;
  const slots = new SlotTable({
    opened: (s) => events.push(`+${name(s)}`),
    closed: (s) => events.push(`-${name(s)}`),
    moved: (from, to) => events.push(`${name(from)} ${from.address}>${to.address}`),
  });
  return { slots, events };
}

describe("the slots", () => {
  test("are the plan times the peer's addresses", () => {
    const { slots, events } = table();
    slots.reconcile(SELF, [peer("b")], PLAN);
    expect(events).toEqual(["+b/pod/icmp/ipv4", "+b/pod/tcp/ipv4", "+b/pod/udp/ipv4", "+b/node/icmp/ipv4"]);
  });

  test("of an address nobody knows yet do not exist, and come when it is known", () => {
    const { slots, events } = table();
    slots.reconcile(SELF, [peer("b", { addresses: { pod: { ipv4: "10.0.0.1" }, node: {} } })], PLAN);
    expect(events).not.toContain("+b/node/icmp/ipv4");
    slots.reconcile(
      SELF,
      [peer("b", { addresses: { pod: { ipv4: "10.0.0.1" }, node: { ipv4: "192.168.0.1" } } })],
      PLAN,
    );
    expect(events.at(-1)).toBe("+b/node/icmp/ipv4");
  });

  test("stay as they are when nothing changed", () => {
    const { slots, events } = table();
    slots.reconcile(SELF, [peer("b"), peer("cc")], PLAN);
    const before = [...slots.all()];
    slots.reconcile(SELF, [peer("cc"), peer("b")], PLAN);
    expect(events).toHaveLength(8);
    expect([...slots.all()]).toEqual(before);
  });

  test("keep their row when the peer's address changes", () => {
    const { slots, events } = table();
    slots.reconcile(SELF, [peer("b")], PLAN);
    const index = [...slots.all()].find((s) => s.protocol === "tcp")!.index;
    slots.reconcile(
      SELF,
      [peer("b", { addresses: { pod: { ipv4: "10.9.9.9" }, node: { ipv4: "192.168.0.1" } } })],
      PLAN,
    );
    expect(events).toContain("b/pod/tcp/ipv4 10.0.0.1>10.9.9.9");
    expect([...slots.all()].find((s) => s.protocol === "tcp")!.index).toBe(index);
  });

  test("of another zone are others, because zones are labels", () => {
    const { slots, events } = table();
    slots.reconcile(SELF, [peer("b")], PLAN);
    slots.reconcile(SELF, [peer("b", { node: { name: "b", zone: "z3" } })], PLAN);
    expect(events.filter((e) => e.startsWith("-"))).toHaveLength(4);
    expect(events.filter((e) => e.startsWith("+"))).toHaveLength(8);
  });

  test("never share a row, and use the rows of those that left again", () => {
    const { slots } = table();
    const names = Array.from({ length: 20 }, (_, i) => "n".repeat(i + 1));
    slots.reconcile(
      SELF,
      names.map((n) => peer(n)),
      PLAN,
    );
    slots.reconcile(
      SELF,
      names.filter((_, i) => i % 3 === 0).map((n) => peer(n)),
      PLAN,
    );
    slots.reconcile(
      SELF,
      names.filter((_, i) => i % 2 === 0).map((n) => peer(n)),
      PLAN,
    );
    const rows = [...slots.all()].map((s) => s.index);
    expect(new Set(rows).size).toBe(rows.length);
    expect(Math.max(...rows)).toBeLessThan(80);
  });

  test("exist for both families of a dual-stack plan", () => {
    const { slots, events } = table();
    const both = { ipv4: "10.0.0.1", ipv6: "fd00::1" };
    slots.reconcile(SELF, [peer("b", { addresses: { pod: both, node: both } })], {
      ...PLAN,
      families: ["ipv4", "ipv6"],
    });
    expect(events).toHaveLength(8);
  });
});
