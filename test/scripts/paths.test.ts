// A checkout may lie anywhere: a URL's pathname has %20 where the folder has a space.
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** With a base: relative to a file of ours. */
const OF_A_FILE = /new URL\([^()]+,[^()]+\)\.pathname/;

test("nothing takes the path of a file from the pathname of its URL", () => {
  const files = globSync("{agent,bin,dashboards,lab,scripts,test}/**/*.{ts,mjs}", { cwd: ROOT });
  expect(files.length).toBeGreaterThan(300);
  const wrong = files.filter((file) => OF_A_FILE.test(readFileSync(`${ROOT}${file}`, "utf8")));
  expect(wrong).toEqual([]);
});
