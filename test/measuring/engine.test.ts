import { afterAll, expect, test, vi } from "vitest";

// As on macOS, or where the C library is not glibc: the module that binds it throws while it is loaded.
vi.mock("../../agent/kernel/libc.ts", () => {
  throw new Error("Failed to load shared library: libc.so.6");
});
// Other files of this process may have loaded the real one, or will.
vi.resetModules();
const { openEngine } = await import("../../agent/measuring/engine.ts");
afterAll(() => {
  vi.doUnmock("../../agent/kernel/libc.ts");
  vi.resetModules();
});

test("where the C library cannot be bound the kernel engine names the engine that runs there", async () => {
  await expect(openEngine("kernel")).rejects.toThrow(/Linux with the GNU C library.*--engine userspace/);
});

test("the userspace engine needs no C library", async () => {
  expect((await openEngine("userspace")).engine).toEqual({ kind: "userspace" });
});
