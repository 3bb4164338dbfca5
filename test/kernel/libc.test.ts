import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { systemClock } from "../../agent/kernel/clock.ts";
import { KernelError } from "../../agent/kernel/kernel.ts";
import { allocateArena, check, close, errnoName, lastErrno } from "../../agent/kernel/libc.ts";

const MIB = 1024 * 1024;

test.each([
  [111, "ECONNREFUSED"],
  [-113, "EHOSTUNREACH"],
  // One number, two names: one of them always.
  [11, "EAGAIN"],
  [95, "EOPNOTSUPP"],
  // Missing in Node's own table (asm-generic/errno.h).
  [64, "ENONET"],
  [112, "EHOSTDOWN"],
  [4_095, "E4095"],
])("errno %i is %s", (errno, name) => {
  expect(errnoName(errno)).toBe(name);
});

test("a call that failed throws what failed, with its errno", () => {
  expect(() => check(close(-1), "close", "descriptor -1")).toThrow(KernelError);
  expect(errnoName(lastErrno())).toBe("EBADF");
  expect(check(7, "close", "")).toBe(7);
});

test("memory of an arena is zero, and apart from that of another", () => {
  const [a, b] = [allocateArena(4_096), allocateArena(4_096)];
  expect(a.bytes.every((byte) => byte === 0)).toBe(true);
  a.bytes.fill(0xff);
  expect(b.bytes.every((byte) => byte === 0)).toBe(true);
  a.view.setBigUint64(8, 0x0102030405060708n, true);
  expect([...a.bytes.subarray(8, 16)]).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
});

test("an arena takes memory only where something has come", () => {
  const before = process.memoryUsage.rss();
  const { bytes } = allocateArena(128 * MIB);
  bytes[64 * MIB] = 1;
  expect((process.memoryUsage.rss() - before) / MIB).toBeLessThan(16);
});

test("memory of an arena that nobody has any more is given back", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const before = process.memoryUsage.rss();
  for (let i = 0; i < 64; i++) {
    allocateArena(8 * MIB).bytes.fill(1);
    collect();
    await turn();
  }
  // 512 MiB, if all were kept.
  expect((process.memoryUsage.rss() - before) / MIB).toBeLessThan(128);
});

test("the clock of the machine tells wall time in seconds since the epoch, and never runs backwards", () => {
  const clock = systemClock();
  const before = Date.now() / 1_000;
  const told = clock.baseSeconds + clock.realtimeNs() / 1e9;
  const after = Date.now() / 1_000;
  // Date.now() has whole milliseconds.
  expect(told).toBeGreaterThanOrEqual(before - 0.001);
  expect(told).toBeLessThanOrEqual(after + 0.001);
  const first = clock.monotonicNs();
  expect(clock.monotonicNs()).toBeGreaterThanOrEqual(first);
});
