// Links between the project's own pages lead somewhere, and the commands that contributors are told exist.
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PAGES = globSync(["*.md", "{.github,chart,docs,lab,test}/**/*.md"], { cwd: ROOT }).sort();
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** As the forge makes them of headings. */
const anchorsOf = (text: string): ReadonlySet<string> =>
  new Set(
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );

const linksOf = (text: string): readonly string[] =>
  [...text.replaceAll(/^ *```[\s\S]*?^ *```/gm, "").matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target!)
    .filter((target) => !/^\w+:/.test(target));

test.for(PAGES)("every link in %s leads to a page and a heading that are there", (path) => {
  const broken = linksOf(read(path)).filter((link) => {
    const [file, anchor] = link.split("#") as [string, string?];
    const target = file === "" ? path : join(dirname(path), file);
    if (!existsSync(join(ROOT, target))) return true;
    return anchor !== undefined && target.endsWith(".md") && !anchorsOf(read(target)).has(anchor);
  });
  expect(broken).toEqual([]);
});

describe("CONTRIBUTING.md", () => {
  const page = read("CONTRIBUTING.md");

  test("names commands that exist", () => {
    const { scripts } = JSON.parse(read("package.json")) as { readonly scripts: object };
    const known = new Set([...Object.keys(scripts), "ci"]);
    const named = [...page.matchAll(/(?:`|^)npm (?:run )?([a-z][\w:]*)/gm)].map(([, script]) => script!);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  test("names programs and files that exist", () => {
    const files = [...page.matchAll(/`?((?:scripts|test|agent)\/[\w./-]+\.(?:ts|mjs|json))/g)].map(([, file]) => file!);
    expect(files.length).toBeGreaterThan(2);
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });
});
