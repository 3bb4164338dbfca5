// The rules file itself: what promtool says of it, and what every alert must carry.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { CURRENT_PROMTOOL, PROMTOOL, RULES } from "./promtool.ts";

const run = promisify(execFile);

test("promtool 2.42 finds no fault in the rules", async () => {
  const { stdout } = await run(PROMTOOL.path, ["check", "rules", "--lint=all", "--lint-fatal", RULES]);
  expect(stdout).toMatch(/SUCCESS: \d+ rules found/);
});

test.skipIf(CURRENT_PROMTOOL === undefined)("a current promtool finds no fault in the rules", async () => {
  const { stdout } = await run(CURRENT_PROMTOOL!.path, ["check", "rules", "--lint=all", "--lint-fatal", RULES]);
  expect(stdout).toMatch(/SUCCESS: \d+ rules found/);
});
