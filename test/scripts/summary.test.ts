// What the closing lines of a test run say, of test files that do all that test files do wrong.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { add, report, type Summary } from "../../scripts/test/summary.ts";

const path = (file: string) => fileURLToPath(new URL(file, import.meta.url));
let folder: string;
let summary: Summary;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "internode-summary-"));
  const file = join(folder, "summary.json");
  const args = [
    "run",
    "--config",
    path("fixture/vitest.config.ts"),
    `--reporter=${path("../../scripts/test/reporter.ts")}`,
  ];
  spawnSync(process.execPath, [path("../../node_modules/vitest/vitest.mjs"), ...args], {
    env: { ...process.env, TEST_SUMMARY: file },
  });
  summary = JSON.parse(readFileSync(file, "utf8")) as Summary;
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const failureOf = (file: string) => summary.failures.filter((text) => text.startsWith(`test/scripts/fixture/${file}.`));

test("tests that a failed set-up kept from running count as failed, whether of a file or of a suite", () => {
  expect(failureOf("setup-fails")).toEqual([
    "test/scripts/fixture/setup-fails.fixture.ts (set-up; 2 tests did not run)\nno network here",
  ]);
  expect(failureOf("suite-fails")).toContain(
    "test/scripts/fixture/suite-fails.fixture.ts: a suite without its lab (set-up; 1 test did not run)\nno lab here",
  );
});

test("a file that does not load and a clean-up that fails are failures, too", () => {
  expect(failureOf("load-fails")).toEqual([expect.stringMatching(/not a test.*\nthis file does not load/)]);
  expect(failureOf("suite-fails")).toContainEqual(
    expect.stringMatching(/a suite that cannot clean up \(not a test.*\nthe lab is still there/),
  );
});

test("a test that passed only at the second try is told with what the first one said", () => {
  expect(summary.secondTry).toEqual([
    "test/scripts/fixture/second-try.fixture.ts: passes at the second try\nexpected 1 to be 2 // Object.is equality",
  ]);
});

test("what is skipped for want of something is counted by what it wants", () => {
  expect(summary.wanted).toEqual({ "namespaces: Operation not permitted. Run it with sudo": 2 });
});

test("every test is counted once, and the closing line stands alone", () => {
  // Two kept by a file and one by a suite, two that failed, one file that did not load, one clean-up.
  expect(summary).toMatchObject({ passed: 3, failed: 7, skipped: 4 });
  expect(report(summary).split("\n").at(-1)).toBe("3 passed, 7 failed, 4 skipped");
});

test("several projects are one summary", () => {
  const both = add([summary, summary, { failed: 1, failures: ["vitest ended"] }]);
  expect(both).toMatchObject({ passed: 6, failed: 15, skipped: 8 });
  expect(Object.values(both.wanted)).toEqual([4]);
  expect(report(both)).toContain("FAILED vitest ended");
});
