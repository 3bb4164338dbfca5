import { describe, expect, test } from "vitest";
import type { Sample } from "./exposition-parser.ts";
import { namesWhere, since, slotsAmong, slotsOf, wasDead, wasHealthy } from "./slots.ts";

const LABELS = { source_node: "a", destination_node: "b", network: "pod", protocol: "icmp", ip_family: "ipv4" };
const SLOT = "a → b pod icmp";

function counted(
  { probes, failures, answers }: { readonly probes: number; readonly failures: number; readonly answers: number },
  labels: Sample["labels"] = LABELS,
): Sample[] {
  return Object.entries({
    internode_probes_total: probes,
    internode_probe_failures_total: failures,
    internode_rtt_seconds_count: answers,
  }).map(([name, value]) => ({ name, labels, value }));
}

describe("slots", () => {
  test("of a mesh are every ordered pair in every kind, and nobody's with itself", () => {
    expect(slotsAmong(["b", "a"], ["pod icmp", "node icmp"])).toEqual([
      "a → b node icmp",
      "a → b pod icmp",
      "b → a node icmp",
      "b → a pod icmp",
    ]);
  });

  test("have what was counted between two looks", () => {
    const grown = since(
      slotsOf(counted({ probes: 10, failures: 1, answers: 9 })),
      slotsOf(counted({ probes: 30, failures: 21, answers: 9 })),
    );
    expect(grown.get(SLOT)).toMatchObject({
      source: "a",
      destination: "b",
      network: "pod",
      protocol: "icmp",
      probes: 20,
      failures: 20,
      answers: 0,
    });
    expect(namesWhere(grown, wasDead)).toEqual([SLOT]);
    expect(namesWhere(grown, wasHealthy)).toEqual([]);
  });

  test("whose agent began anew in between, or that only one look saw, have nothing to say", () => {
    const before = slotsOf(counted({ probes: 100, failures: 0, answers: 100 }));
    expect([...since(before, slotsOf(counted({ probes: 3, failures: 0, answers: 3 })))]).toEqual([]);
    expect([...since(new Map(), before)]).toEqual([]);
  });

  test("that sent nothing are neither healthy nor dead", () => {
    const idle = slotsOf(counted({ probes: 0, failures: 0, answers: 0 }));
    expect([...namesWhere(idle, wasDead), ...namesWhere(idle, wasHealthy)]).toEqual([]);
  });

  test("are told apart by address family", () => {
    const both = slotsOf([
      ...counted({ probes: 1, failures: 0, answers: 1 }),
      ...counted({ probes: 2, failures: 0, answers: 2 }, { ...LABELS, ip_family: "ipv6" }),
    ]);
    expect([...both.keys()]).toEqual([SLOT, `${SLOT} ipv6`]);
  });

  test("that are told twice, or lack a counter, are an error", () => {
    const once = counted({ probes: 1, failures: 0, answers: 1 });
    expect(() => slotsOf([...once, ...once])).toThrow("is told twice");
    expect(() => slotsOf(once.slice(0, 2))).toThrow(`${SLOT} lacks a counter`);
  });
});
