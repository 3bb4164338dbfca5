import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { removeLeftovers } from "../../lab/leftovers.ts";
import { createRunDirectory, findLabs } from "../../lab/run-directory.ts";

let temporary: string;
beforeEach(async () => {
  temporary = await mkdtemp("/tmp/internode-test-");
  vi.stubEnv("TMPDIR", temporary);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(temporary, { recursive: true, force: true });
});

async function leaveBehind(id: string, change: (record: Record<string, unknown>) => unknown): Promise<void> {
  const made = await createRunDirectory("loopback");
  const record = JSON.parse(await readFile(join(made.path, "lab.json"), "utf8")) as Record<string, unknown>;
  await made[Symbol.asyncDispose]();
  const path = join(temporary, `inode-${id}`);
  await mkdir(path, { mode: 0o700 });
  await writeFile(join(path, "lab.json"), JSON.stringify(change({ ...record, id })));
}

test("a lab's directory is its owner's alone, is found as running, and goes when disposed, twice as well as once", async () => {
  const made = await createRunDirectory("loopback");
  expect((await stat(made.path)).mode & 0o777).toBe(0o700);
  expect(await findLabs()).toMatchObject([
    { id: made.id, kind: "loopback", running: true, directory: made.path, owner: { pid: process.pid } },
  ]);
  await made[Symbol.asyncDispose]();
  await made[Symbol.asyncDispose]();
  expect(await findLabs()).toEqual([]);
});

test.each([
  [
    "whose owner is gone",
    (record: Record<string, unknown>) => ({ ...record, owner: { pid: 2 ** 22 + 1, started: "1", boot: "x" } }),
  ],
  [
    "whose owner's number is another process's now",
    (record: Record<string, unknown>) => ({ ...record, owner: { ...(record["owner"] as object), started: "1" } }),
  ],
  [
    "of an earlier boot",
    (record: Record<string, unknown>) => ({ ...record, owner: { ...(record["owner"] as object), boot: "earlier" } }),
  ],
  ["with a record of another version", (record: Record<string, unknown>) => ({ ...record, schemaVersion: 9 })],
  ["with a record that is no record", () => [1, 2]],
])("a lab %s counts as left behind and is removed; a running one stays", async (_, change) => {
  const running = await createRunDirectory("loopback");
  // What an interrupted run of somebody's left on this machine is no part of this.
  await removeLeftovers();
  await leaveBehind("00dead", change);
  const { removed, running: left } = await removeLeftovers();
  expect(removed).toEqual(["00dead"]);
  expect(left.map((lab) => lab.id)).toEqual([running.id]);
  expect((await findLabs()).map((lab) => lab.id)).toEqual([running.id]);
});

test("what only looks like a lab's directory is left alone", async () => {
  await mkdir(join(temporary, "inode-notalab"));
  await writeFile(join(temporary, "inode-abcdef"), "a file");
  expect(await findLabs()).toEqual([]);
  expect((await removeLeftovers()).removed).toEqual([]);
  expect(await readFile(join(temporary, "inode-abcdef"), "utf8")).toBe("a file");
});

test("a temporary directory that cannot be written to is named, with the cure", async () => {
  vi.stubEnv("TMPDIR", join(temporary, "absent"));
  await expect(createRunDirectory("loopback")).rejects.toThrow(/absent.*Set TMPDIR/s);
});
