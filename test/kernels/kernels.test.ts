import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";

afterEach(() => vi.unstubAllEnvs());

test("a kernel that cannot be fetched is said with what would help, and nothing half is left in the cache", async () => {
  const folder = mkdtempSync(join(tmpdir(), "internode-kernels-"));
  try {
    writeFileSync(join(folder, "apt-get"), "#!/bin/sh\necho 'E: no mirror answers' >&2\nexit 100\n", { mode: 0o755 });
    vi.stubEnv("PATH", `${folder}:${process.env["PATH"]}`);
    vi.stubEnv("INTERNODE_KERNELS", join(folder, "cache"));
    vi.resetModules();
    const { ensureKernel } = await import("./kernels.ts");
    const fetched = ensureKernel("6.1", () => {});
    await expect(fetched).rejects.toThrow(/the kernel 6\.1 could not be fetched\. A machine whose apt-get reaches/);
    await expect(fetched).rejects.toMatchObject({
      cause: { message: expect.stringMatching(/no mirror answers|needs Debian/) },
    });
    expect(readdirSync(join(folder, "cache"))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
