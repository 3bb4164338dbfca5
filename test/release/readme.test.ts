// The commands that a new user types first name what the build makes.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseDestination } from "../../scripts/image/destination.ts";
import { REPOSITORY } from "../../scripts/image/name.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const { version } = JSON.parse(read("package.json")) as { readonly version: string };
const pages = ["README.md", "chart/README.md", "chart/templates/_image-notes.tpl"].map((path) => ({
  path,
  text: read(path),
}));

test("the image has the name and version that the build gives it", () => {
  for (const { text } of pages) {
    const names = [...text.matchAll(/(?<![\w./-])internode:(\d[\w.]*\d)/g)].map(([name]) => name);
    expect(new Set(names)).toEqual(new Set(names.map(() => `${REPOSITORY}:${version}`)));
  }
});

test("every destination that they show is one", () => {
  const shown = pages.flatMap(({ text }) =>
    [...text.matchAll(/--to (\S+)(?: +# or (.+))?$/gm)].flatMap(([, one, others = ""]) => [
      one!,
      ...others.split(", ").filter((other) => other !== ""),
    ]),
  );
  expect(shown.length).toBeGreaterThan(8);
  for (const one of shown) expect(() => parseDestination(one)).not.toThrow();
});
