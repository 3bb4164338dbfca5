// The image is built from a few files of the checkout. Nothing here runs the whole build: e2e does, minutes later.
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { expect, test } from "vitest";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

test("every file that the bundle is made of is let into the build of the image, and copied there", () => {
  const script = read("scripts/bundle.mjs");
  const inputs = [
    "scripts/bundle.mjs",
    ...[...script.matchAll(/readFileSync\(join\(root, "([^"]+)"\)/g)].map(([, path]) => path!),
    ...[...script.matchAll(/from "(\.[^"]+)"/g)].map(([, path]) => posix.join("scripts", path!)),
  ];
  for (const path of ["docs/troubleshooting.md", "agent/page/assets.ts"]) expect(inputs).toContain(path);
  const copied = [...read("Dockerfile").matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths]) =>
    paths!.split(" "),
  );
  const letIn = [...read(".dockerignore").matchAll(/^!(.+)$/gm)].map(([, path]) => path!);
  for (const path of inputs) {
    if (path.startsWith("node_modules/")) continue;
    expect(
      copied.some((each) => path === each || path.startsWith(`${each}/`)),
      `Dockerfile copies ${path}`,
    ).toBe(true);
    expect(
      letIn.some((each) => path === each || path.startsWith(`${each}/`)),
      `.dockerignore lets ${path} in`,
    ).toBe(true);
  }
});
