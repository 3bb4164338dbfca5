// The two commands of the README, `npm start` and `npm test`, where people are. Every clone is in a folder with spaces.
import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { fetchedNode, OTHER_NODES } from "../../scripts/tools/node.ts";
import { makeClone, type Clone, type Place } from "../support/clone.ts";
import { needs } from "../support/needs.ts";
import { AS_NOBODY, without, WITHOUT_ADMIN, WITHOUT_NAMESPACES } from "../support/places.ts";

const { test } = await needs("other users", "user namespaces", "fewer capabilities");
const { test: nodeTest } = await needs("other users", "node 20", "node 22");

/** One that needs nothing, one that needs network namespaces. */
const FILES = ["test/wire/icmp.test.ts", "test/integration/raw-icmp.test.ts"];
const WHOLE_LAB = /laying 2 nodes in namespaces/;

const NOBODY: Place = { as: AS_NOBODY, owner: 65_534 };
const root = (as: readonly string[]): Place => ({ as, owner: process.getuid!() });

let clone: Clone;
beforeAll(() => {
  clone = makeClone();
});
afterAll(() => clone[Symbol.dispose]());

function testsPass(place: Place): string {
  const { status, output } = clone.test(place, ...FILES);
  expect([status, output]).toEqual([0, expect.stringMatching(/\n[1-9]\d* passed, 0 failed, \d+ skipped\n/)]);
  return output;
}
const NONE_SKIPPED = / passed, 0 failed, 0 skipped\n/;

test("an ordinary user", async () => {
  expect(await clone.start(NOBODY)).toMatch(WHOLE_LAB);
  expect(testsPass(NOBODY)).toMatch(NONE_SKIPPED);
});

test("root of a container, which has neither SYS_ADMIN nor NET_ADMIN", async () => {
  expect(await clone.start(root(WITHOUT_ADMIN))).toMatch(WHOLE_LAB);
  expect(testsPass(root(WITHOUT_ADMIN))).toMatch(NONE_SKIPPED);
});

test("a place where user namespaces are forbidden as well", async () => {
  expect(await clone.start(root(WITHOUT_NAMESPACES))).toMatch(/sysctl -w user.max_user_namespaces/);
  // By name, with the reason and the cure.
  expect(testsPass(root(WITHOUT_NAMESPACES))).toMatch(
    /Skipped for want of .*\n {2}2 for namespaces: .*Operation not permitted.*sudo/,
  );
});

test("a machine without apt-get and without the programs of a lab", async () => {
  const place = root(without("apt-get", "nft", "ping"));
  const said = await clone.start(place);
  expect(said).toMatch(/setup: not here: nft \(there is no apt-get here\)/);
  expect(said).toMatch(/agents on loopback/);
  expect(testsPass(place)).toMatch(/2 for namespaces: nft is not installed here/);
});

nodeTest.each(OTHER_NODES)("a machine whose own Node.js is %i", async (major) => {
  const place = { ...NOBODY, node: fetchedNode(major)! };
  expect(await clone.start(place)).toMatch(WHOLE_LAB);
  testsPass(place);
});

test("a machine whose own Node.js is new enough, where no packaged one runs", async () => {
  const packaged = join(clone.folder, "node_modules/.bin/node");
  renameSync(packaged, `${packaged}.away`);
  try {
    expect(await clone.start(NOBODY)).toMatch(WHOLE_LAB);
    testsPass(NOBODY);
    expect(existsSync(packaged)).toBe(false);
  } finally {
    renameSync(`${packaged}.away`, packaged);
  }
});

nodeTest("a machine that has no Node.js of 24 or newer at all is told what it needs", async () => {
  const packaged = join(clone.folder, "node_modules/.bin/node");
  renameSync(packaged, `${packaged}.away`);
  try {
    await expect(clone.start({ ...NOBODY, node: fetchedNode(20)! })).rejects.toThrow(
      /Node.js 24 or newer is needed, and this is v20/,
    );
  } finally {
    renameSync(`${packaged}.away`, packaged);
  }
});
