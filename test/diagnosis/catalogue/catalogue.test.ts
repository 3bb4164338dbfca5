import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../../agent/cli/commands.ts";
import { CAUSES } from "../../../agent/diagnosis/catalogue/causes.ts";
import { CODES, runbookOf } from "../../../agent/diagnosis/catalogue/codes.ts";
import { listed, percent } from "../../../agent/diagnosis/catalogue/words.ts";
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
    expect(CAUSES[kind].cure).toMatch(/^[A-Z].*\.$/);
  });
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
