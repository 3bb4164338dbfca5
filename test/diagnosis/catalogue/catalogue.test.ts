import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../../agent/cli/commands.ts";
import { CAUSES } from "../../../agent/diagnosis/catalogue/causes.ts";
import { CODES, runbookOf } from "../../../agent/diagnosis/catalogue/codes.ts";
import { listed, percent, waysText } from "../../../agent/diagnosis/catalogue/words.ts";
import { CAUSE_KINDS, FINDING_CODES, subjectName, type Subject } from "../../../agent/model/finding.ts";
import { findingsPage } from "../../../scripts/generate-findings-doc.ts";

const page = readFileSync(new URL("../../../docs/findings.md", import.meta.url), "utf8");

const SUBJECTS: readonly Subject[] = [
  { kind: "node", node: "worker-7" },
  { kind: "pair", nodes: ["worker-1", "worker-2"] },
  { kind: "zone", zone: "a" },
  { kind: "zone-pair", zones: ["a", "b"] },
  { kind: "zone-pair", zones: ["a", "a"] },
  { kind: "group", id: "3f2a", nodes: ["worker-1", "worker-2", "worker-3"] },
  { kind: "mesh" },
];

test("the page of findings is what the catalogue says (node scripts/generate-findings-doc.ts writes it)", () => {
  expect(page).toBe(findingsPage());
});

describe.each(FINDING_CODES)("%s", (code) => {
  test("has a heading where its runbook link leads", () => {
    const [file, anchor] = runbookOf(code).split("#");
    expect(file).toBe("findings.md");
    const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading!.toLowerCase());
    expect(headings).toContain(anchor);
  });

  test.each(SUBJECTS)("says one plain sentence of $kind, also without figures", (subject) => {
    for (const direction of ["out", "in", "both", undefined] as const) {
      const said = CODES[code].says({ subject, direction, scope: { network: "pod", protocol: "udp" }, figures: {} });
      expect(said).toMatch(/^[A-Zw].*\.$/);
      expect(said).not.toMatch(/undefined|NaN|\[object| {2}|,,/);
      expect(said).not.toMatch(/ on the whole mesh|measure \(/);
    }
  });
});

describe.each(CAUSE_KINDS)("the cause %s", (kind) => {
  test("names a command that exists, and a cure", () => {
    for (const subject of SUBJECTS) {
      const [program, command] = CAUSES[kind].next(subject).split(" ");
      expect(
        program === "kubectl" || (program === "internode" && Object.hasOwn(COMMANDS, command ?? "")),
        `${program} ${command}`,
      ).toBe(true);
    }
    // A name that the reader must fill in first.
    for (const subject of SUBJECTS) expect(CAUSES[kind].next(subject)).not.toMatch(/\bNODE\b|undefined/);
    expect(CAUSES[kind].cure).toMatch(/^[A-Z].*\.$/);
  });
});

test.each(["IN-POD-NETWORK", "IN-NODE-NETWORK", "IN-FAMILY-LOSS"] as const)("%s: one loses, several lose", (code) => {
  const verbs = SUBJECTS.map((subject) => {
    const said = CODES[code].says({ subject, direction: "both", scope: { network: "pod" }, figures: {} });
    return [subject.kind, / (loses|lose|are lost) /.exec(said)?.[1]];
  });
  expect(verbs).toEqual([
    ["node", "loses"],
    ["pair", "are lost"],
    ["zone", "loses"],
    ["zone-pair", "are lost"],
    ["zone-pair", "are lost"],
    ["group", "lose"],
    ["mesh", "loses"],
  ]);
});

test("loss between two zones is no loss of each of them", () => {
  const zones = { kind: "zone-pair", zones: ["a", "b"] } as const;
  const said = { subject: zones, direction: "out", scope: { network: "node" }, figures: { loss: 0.5 } } as const;
  expect(CODES["IN-NODE-NETWORK"].says(said)).toBe(
    "Between zones a and b 50 % of packets are lost on the node network, from a to b only; the pod network is fine.",
  );
  const group = { kind: "group", id: "3f2a", nodes: ["n1", "n2"] } as const;
  expect(CODES["IN-POD-NETWORK"].says({ ...said, subject: group, scope: { network: "pod" } })).toBe(
    "The 2 nodes n1 and n2 lose 50 % of packets on the pod network, on the way out only; the node network is fine.",
  );
});

test("with whom comes before which way", () => {
  const group = { kind: "group", id: "3f2a", nodes: ["n1", "n2"] } as const;
  expect(CODES["IN-GROUP-LOSS"].says({ subject: group, direction: "both", scope: {}, figures: { loss: 0.162 } })).toBe(
    "The 2 nodes n1 and n2 lose 16.2 % of packets with all others, both ways, and are fine among themselves: they share something.",
  );
});

test("the page leaves abbreviations as they are in the middle of a sentence", () => {
  expect(page).not.toMatch(/\b[a-z][A-Z]{2,}\b/);
  expect(page).toContain("Seen by: ICMP to the node is answered");
});

test("between two the ways are named by their ends, and of a node as out and in", () => {
  expect(waysText({ kind: "pair", nodes: ["worker-1", "worker-2"] })).toEqual([
    "from worker-1 to worker-2",
    "from worker-2 to worker-1",
  ]);
  expect(waysText({ kind: "node", node: "worker-1" })).toEqual(["on the way out", "on the way in"]);
});

test("every subject has a name of its own", () => {
  const names = SUBJECTS.map(subjectName);
  expect(new Set(names).size).toBe(names.length);
});

test("a share is never rounded to nothing or to everything", () => {
  expect([0, 0.00004, 0.012, 0.1234, 0.9996, 1].map(percent)).toEqual([
    "0 %",
    "under 0.01 %",
    "1.2 %",
    "12.3 %",
    "over 99.9 %",
    "100 %",
  ]);
});

test("names are listed until they are too many", () => {
  expect(listed(["a"])).toBe("a");
  expect(listed(["a", "b", "c"])).toBe("a, b and c");
  expect(listed(["a", "b", "c", "d", "e", "f"])).toBe("a, b, c, d and 2 more");
});
