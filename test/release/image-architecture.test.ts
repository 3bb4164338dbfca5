import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { asArchitecture } from "../../scripts/image/architecture.ts";

const BUILD = fileURLToPath(new URL("../../scripts/image/build.ts", import.meta.url));

test("an image is for a processor by the name that images have for it", () => {
  expect(asArchitecture("arm64")).toBe("arm64");
  expect(() => asArchitecture("aarch64")).toThrow("there are amd64 and arm64, not 'aarch64'");
});

test("an image for an unknown processor is refused before anything is built, with what there is", () => {
  const { status, stderr } = spawnSync(process.execPath, [BUILD, "--arch", "mips"], { encoding: "utf8" });
  expect(status).toBe(2);
  expect(stderr).toMatch(/^image: there are amd64 and arm64, not 'mips'$/m);
  expect(stderr).toContain("--arch ARCHITECTURE");
});
