import { expect, test, vi } from "vitest";
import { openEngine } from "../../agent/measuring/engine.ts";

// As on macOS, or where the C library is not glibc: the module that binds it throws while it is loaded.
vi.mock("../../agent/kernel/libc.ts", () => {
  throw new Error("Failed to load shared library: libc.so.6");
});

test("where the C library cannot be bound the kernel engine names the engine that runs there", async () => {
  await expect(openEngine("kernel")).rejects.toThrow(/Linux with the GNU C library.*--engine userspace/);
});

test("the userspace engine needs no C library", async () => {
  expect((await openEngine("userspace")).engine).toEqual({ kind: "userspace" });
});
