// The page of actions says what is compiled in.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { actionOf, ACTIONS } from "../../agent/actions/actions.ts";

const page = readFileSync(new URL("../../docs/actions.md", import.meta.url), "utf8");

test.each(ACTIONS)("docs/actions.md has what %s does, and its caps", (name) => {
  const { does, caps } = actionOf(name);
  const inMesh = caps.inMesh === undefined ? "–" : `${caps.inMesh}${caps.mustBeGranted === true ? ", never more" : ""}`;
  expect(page).toContain(`| \`${name}\` | ${does} | ${caps.atOnce} | ${inMesh} | ${caps.seconds} |`);
});
