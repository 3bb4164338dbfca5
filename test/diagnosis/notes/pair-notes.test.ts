// What the page says of one slot beside its figures.
import { describe, expect, test } from "vitest";
import { hopsText, pairNotes } from "../../../agent/diagnosis/notes/pair-notes.ts";
import type { PairWindow } from "../../../agent/model/snapshot.ts";
import { sampleNodes, sampleRow } from "../../support/sample-mesh.ts";

const MESH = { nodes: 2, zones: 1 };
const row = sampleRow(MESH, sampleNodes(MESH)[0]!);
const calm = (protocol: PairWindow["protocol"]): PairWindow =>
  row.pairs.find((pair) => pair.protocol === protocol && pair.network === "pod")!;

describe("hops", () => {
  test.each([
    ["are a dash where nobody can tell", {}, "–"],
    ["that are the same both ways stand once", { hops: { now: 3 }, hopsThere: { now: 3 } }, "3"],
    ["of answers alone are named so", { hops: { now: 3 } }, "3 back"],
    ["that differ are named by their way", { hops: { now: 5 }, hopsThere: { now: 3 } }, "3 there, 5 back"],
    [
      "that changed say from what, and when",
      { hops: { now: 3 }, hopsThere: { now: 4, before: 3, changedAt: "2026-11-23T19:21:05.120Z" } },
      "4 (3 until 19:21:05 UTC) there, 3 back",
    ],
  ])("%s", (_, seen: Partial<PairWindow>, said) => {
    expect(hopsText({ ...calm("udp"), ...seen })).toBe(said);
  });
});

describe("notes", () => {
  test("of a calm slot of which an older agent tells are empty", () => {
    expect(pairNotes(calm("icmp"), undefined)).toBe("");
    expect(pairNotes(calm("udp"), "10.0.0.1")).toBe("");
  });

  test("tell from which address packets arrive, and that it is not the one they were sent from", () => {
    expect(pairNotes({ ...calm("udp"), seenAs: "10.0.0.1" }, "10.0.0.1")).toBe("arrives from 10.0.0.1");
    expect(pairNotes({ ...calm("udp"), seenAs: "10.0.0.1" }, undefined)).toBe("arrives from 10.0.0.1");
    expect(pairNotes({ ...calm("udp"), seenAs: "192.0.2.7" }, "10.0.0.1")).toBe(
      "arrives from 192.0.2.7, though it was sent from 10.0.0.1: translated on the way",
    );
  });

  test("name the source ports that lose where others do not", () => {
    const probes = [8, 7, 8, 7, 8, 7, 8, 7];
    const of = (failures: readonly number[]) => pairNotes({ ...calm("udp"), ports: { probes, failures } }, undefined);
    expect(of([0, 0, 8, 0, 0, 0, 5, 0])).toBe(
      "in five minutes lost 8 of 8 by the 3rd and 5 of 8 by the 7th of 8 source ports",
    );
    expect(of([0, 0, 0, 0, 0, 0, 0, 0])).toBe("");
    expect(of([1, 2, 1, 1, 1, 1, 1, 1])).toBe("");
  });

  test("tell refusals, retransmits, the way that packets died, and reasons", () => {
    const udp = calm("udp");
    const window = { ...udp.window, failures: 5, lostForward: 2, lostReverse: 1, reasons: { timeout: 3, blocked: 2 } };
    expect(pairNotes({ ...udp, window }, undefined)).toBe(
      "lost 2 on the way there, 1 on the way back, 2 not known; 2 blocked",
    );
    expect(pairNotes({ ...udp, window: { ...window, lostForward: 0, lostReverse: 0 } }, undefined)).toContain(
      "which way they died is not known",
    );
    const tcp = calm("tcp");
    expect(pairNotes({ ...tcp, window: { ...tcp.window, refusals: 3, retransmits: 1 } }, undefined)).toBe(
      "3 refused: the host answers, the port is closed; 1 SYN sent again",
    );
  });
});
