// Faults that reach the whole machine are refused where the lab cannot see what else they would break.
import { expect } from "vitest";
import { refuseBesideOthers } from "../../lab/faults/machine-wide.ts";
import { run } from "../../lab/machine.ts";
import { inUserNamespace } from "../../lab/user-namespace.ts";
import { needs } from "../support/needs.ts";

const { test } = await needs("namespaces", "user namespaces");

const MODULE = new URL("../../lab/faults/machine-wide.ts", import.meta.url).href;
const TRY = `const { refuseBesideOthers } = await import(${JSON.stringify(MODULE)});
console.log(await refuseBesideOthers("neighbours-full node-1->node-2", "000000", "one neighbour table").catch((err) => err.message));`;

test("in a user namespace, whose processes see no network of the machine", async () => {
  const [program, ...args] = inUserNamespace([process.execPath, "--input-type=module", "-e", TRY]);
  expect(await run(program!, args)).toContain(
    "'neighbours-full node-1->node-2': the kernel has one neighbour table for all network namespaces, and from the user namespace",
  );
});

test("beside a network of somebody else", async () => {
  const name = `inode-try-${process.pid}`;
  await run("ip", ["netns", "add", name]);
  try {
    await expect(refuseBesideOthers("softnet node-1->node-2 drops", "000000", "queues")).rejects.toThrow(
      /there are others than this lab's \(.*\): it would break them\. Remove them first/,
    );
  } finally {
    await run("ip", ["netns", "del", name]);
  }
});
