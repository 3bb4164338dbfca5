// The image is built from a few files of the checkout. Nothing here runs the whole build: e2e does, minutes later.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

test("every file that the bundle is made of is let into the build of the image, and copied there", () => {
  const inputs = [...read("scripts/bundle.mjs").matchAll(/readFileSync\(join\(root, "([^"]+)"\)/g)].map(
    ([, path]) => path!,
  );
  expect(inputs).toContain("docs/troubleshooting.md");
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
