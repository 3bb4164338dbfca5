import { mkdtemp, readFile, rm } from "node:fs/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { tokenFileOf, writeToken } from "../../lab/agent-files.ts";
import { demoTokenFile, writePages } from "../../lab/demo-token.ts";
import { createRunDirectory } from "../../lab/run-directory.ts";

let temporary: string;
beforeEach(async () => {
  temporary = await mkdtemp("/tmp/internode-test-");
  vi.stubEnv("TMPDIR", temporary);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(temporary, { recursive: true, force: true });
});

async function demo(...ports: readonly number[]) {
  const run = await createRunDirectory("loopback");
  await writeToken(run.path);
  await writePages(
    run.path,
    ports.map((port) => ({ page: `http://127.0.0.1:${port}/` })),
  );
  return run;
}

test("of several demos the token is that of the one whose page is asked, at any of its nodes", async () => {
  await using first = await demo(8_843, 8_844);
  await using second = await demo(9_843, 9_844);
  expect(await demoTokenFile("http://127.0.0.1:8844")).toBe(tokenFileOf(first.path));
  expect(await demoTokenFile("http://localhost:9843/")).toBe(tokenFileOf(second.path));
  expect((await readFile(tokenFileOf(first.path), "utf8")).trim()).toMatch(/^[0-9a-f]{40}$/);
});

test("no token is sent to another port or another machine, nor that of a demo that has stopped", async () => {
  const stopped = await demo(8_843);
  expect(await demoTokenFile("http://127.0.0.1:8850")).toBeUndefined();
  expect(await demoTokenFile("http://192.0.2.1:8843")).toBeUndefined();
  await stopped[Symbol.asyncDispose]();
  expect(await demoTokenFile("http://127.0.0.1:8843")).toBeUndefined();
});
