import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { mkdtemp, rm } from "node:fs/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { askLab, findControllableLab, openControl, type Controllable } from "../../lab/control.ts";
import { FaultSyntaxError, parseFault } from "../../lab/faults/grammar.ts";
import type { FaultStatus } from "../../lab/faults/faults.ts";
import { LabError } from "../../lab/machine.ts";
import { planLab } from "../../lab/plan.ts";
import { controlSocketOf, createRunDirectory, findLabs, type RunDirectory } from "../../lab/run-directory.ts";

let temporary: string;
let directory: RunDirectory;
let control: AsyncDisposable;
let changes: string[];
const status: FaultStatus = {
  id: 7,
  text: "drop node-1->node-2",
  injectedAt: "2026-01-01T00:00:00Z",
  affected: "dropped",
  counters: { matched: 3, affected: 3 },
};

beforeEach(async () => {
  temporary = await mkdtemp("/tmp/internode-test-");
  vi.stubEnv("TMPDIR", temporary);
  directory = await createRunDirectory("namespaces");
  changes = [];
  const { nodes } = planLab("00beef", { nodes: 2, zones: 1, ipv6: false });
  const lab: Controllable = {
    directory: directory.path,
    // Async, so that a throw is a rejection as the lab's is.
    inject: async (fault) => ({ ...status, text: parseFault(fault, nodes).text }),
    faults: async () => [status],
    clear: async (id) => {
      if (id === 9) throw new LabError("there is no fault 9; there are 7");
      return [status];
    },
  };
  control = await openControl(lab, { onChange: (change) => changes.push(change) });
});
afterEach(async () => {
  await control[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  await rm(temporary, { recursive: true, force: true });
});

const ours = () => findControllableLab(undefined);

test("the one running lab is found, asked, and tells its own terminal what changes", async () => {
  const lab = await ours();
  expect(await askLab(lab, { type: "list" })).toEqual([status]);
  expect(await askLab(lab, { type: "inject", text: "drop node-1 -> node-2" })).toEqual([status]);
  expect(await askLab(lab, { type: "clear", id: 7 })).toEqual([status]);
  expect(changes).toEqual(["fault 7 begins: drop node-1->node-2", "fault 7 ends: drop node-1->node-2"]);
});

test("a fault that is none comes back as such, and what cannot be done as an error with its text", async () => {
  const lab = await ours();
  await expect(askLab(lab, { type: "inject", text: "lose it" })).rejects.toThrow(FaultSyntaxError);
  await expect(askLab(lab, { type: "clear", id: 9 })).rejects.toThrow("there is no fault 9");
  await expect(askLab(lab, { type: "clear", id: 9 })).rejects.not.toThrow(FaultSyntaxError);
});

test.each(["", "not json", "{}", "null", '{"type":"format-disk"}', '{"type":"inject","text":5}'])(
  "a request that is none (%#) gets an error and harms nothing",
  async (said) => {
    const socket = connect({ path: controlSocketOf(directory.path), allowHalfOpen: true });
    socket.end(said);
    expect(JSON.parse(await text(socket))).toHaveProperty("error");
    expect(await askLab(await ours(), { type: "list" })).toEqual([status]);
  },
);

test("a request without end is hung up on", async () => {
  const socket = connect({ path: controlSocketOf(directory.path) });
  socket.on("error", () => {}).write("x".repeat(70_000));
  await new Promise((resolve) => void socket.once("close", resolve).resume());
  expect(await askLab(await ours(), { type: "list" })).toEqual([status]);
});

test("a connection that says nothing does not keep the lab from stopping", async () => {
  const socket = connect({ path: controlSocketOf(directory.path) });
  socket.on("error", () => {});
  await new Promise((resolve) => void socket.once("connect", resolve));
  await control[Symbol.asyncDispose]();
  await expect(askLab((await findLabs())[0]!, { type: "list" })).rejects.toThrow(/cannot be asked|is stopping/);
});

test("no lab, two labs, a named one, and one on loopback are told apart with the cure", async () => {
  const second = await createRunDirectory("namespaces");
  await expect(ours()).rejects.toThrow("choose one with --lab");
  expect((await findControllableLab(second.id)).id).toBe(second.id);
  await second[Symbol.asyncDispose]();
  await expect(findControllableLab("ffffff")).rejects.toThrow("no lab 'ffffff' is running");
  await directory[Symbol.asyncDispose]();
  await expect(ours()).rejects.toThrow("internode demo");
  await createRunDirectory("loopback");
  await expect(ours()).rejects.toThrow("nothing can be broken");
});
