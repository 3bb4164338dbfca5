import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseFault } from "../../../lab/faults/grammar.ts";
import { FAULTS } from "../../../lab/faults/table.ts";
import { planLab } from "../../../lab/plan.ts";

const page = readFileSync(new URL("../../../docs/lab.md", import.meta.url), "utf8");
const documented = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]!);

test("every fault in the table of the lab's page is understood, and every kind of fault is in it", () => {
  const { nodes, paths } = planLab("000000", { nodes: 6, zones: 3, ipv6: false, paths: 4 });
  const kinds = documented.map((text) => parseFault(text, nodes, paths).kind);
  expect(documented.length).toBeGreaterThan(10);
  expect([...new Set(kinds)].sort()).toEqual(Object.keys(FAULTS).sort());
});
