import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { OPTIONS } from "../../agent/config/options.ts";
import { DOWNWARD_NAMES } from "../../agent/config/layers.ts";
import { withOptions } from "../../scripts/generate-config-doc.ts";

const page = readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8");

test("docs/configuration.md has the table that the schema gives (node scripts/generate-config-doc.ts)", () => {
  expect(page).toBe(withOptions(page));
});

test("every option and every name of the downward API is on the page", () => {
  expect(OPTIONS.filter((o) => !page.includes(`\`${o.flag}\``)).map((o) => o.path)).toEqual([]);
  expect(
    Object.entries(DOWNWARD_NAMES).filter(
      ([name, path]) => !page.includes(`| \`${name}\` |`) || !page.includes(`| \`${path}\` |`),
    ),
  ).toEqual([]);
});
