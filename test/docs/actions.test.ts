// The page of actions says what is compiled in.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { actionOf, isAction } from "../../agent/actions/actions.ts";

const page = readFileSync(new URL("../../docs/actions.md", import.meta.url), "utf8");
const rows = [...page.matchAll(/^\| `([a-z]+)` \| .*\|$/gm)].map(([row, name]) => ({ name: name!, row }));

test("the table of docs/actions.md has actions", () => {
  expect(rows.length).toBeGreaterThan(4);
});

test.each(rows)("docs/actions.md has what $name does, and its caps", ({ name, row }) => {
  expect(isAction(name)).toBe(true);
  const { does, caps } = actionOf(name as "ping");
  const inMesh = caps.inMesh === undefined ? "–" : `${caps.inMesh}${caps.mustBeGranted === true ? ", never more" : ""}`;
  expect(row).toBe(`| \`${name}\` | ${does} | ${caps.atOnce} | ${inMesh} | ${caps.seconds} |`);
});
