// A release is stopped while anything it publishes names another repository or image than the one it publishes to.
import { expect, test } from "vitest";
import { disagreements, publishedFiles } from "../../scripts/release/names.ts";

const NAMES = { repository: "acme/internode", image: "ghcr.io/acme/internode" };
/** This checkout as acme would publish it. */
const files = new Map(
  [...publishedFiles()].map(([path, text]) => [
    path,
    text
      .replaceAll("internode/internode", "acme/internode")
      .replaceAll(/(github\.com\/)internode$/gm, "$1acme")
      .replaceAll(/^OWNER=internode/gm, "OWNER=acme")
      .replaceAll(/^ {2}repository: internode$/gm, "  repository: ghcr.io/acme/internode"),
  ]),
);
const changed = (path: string, from: string | RegExp, to: string): ReadonlyMap<string, string> => {
  const text = files.get(path)!.replace(from, to);
  expect(text).not.toBe(files.get(path));
  return new Map([...files, [path, text]]);
};

test("names that all agree are no fault", () => {
  expect(files.size).toBeGreaterThan(300);
  expect(disagreements(files, NAMES)).toEqual([]);
});

test.each([
  ["the chart's default", "chart/values.yaml", "ghcr.io/acme/internode", "internode"],
  ["a label", "Dockerfile", /source="[^"]*"/, 'source="https://example.com"'],
  ["a label", "Dockerfile", "github.com/acme/internode", "github.com/stranger/internode"],
  ["one runbook's link", "chart/files/rules/internode.yaml", "github.com/acme/", "github.com/stranger/"],
  ["what replaces those links", "chart/templates/_rules.tpl", "com/acme/internode", "com/stranger/internode"],
  ["a dashboard's link", "chart/files/dashboards/mesh.json", "github.com/acme/", "github.com/stranger/"],
  ["the chart's home", "chart/Chart.yaml", "home: https://github.com/acme", "home: https://github.com/stranger"],
  ["the maintainers", "chart/Chart.yaml", /github\.com\/acme$/m, "github.com/internode"],
  ["the owner in a command", "chart/README.md", "OWNER=acme", "OWNER=stranger"],
  ["a command of a document", "README.md", /$/, "\nhelm install x oci://ghcr.io/stranger/charts/internode\n"],
])("%s that names another is a fault, told with its file", (_, path, from, to) => {
  const faults = disagreements(changed(path, from, to), NAMES);
  expect(faults.length).toBeGreaterThan(0);
  expect(faults.filter((fault) => !fault.startsWith(path))).toEqual([]);
});

test("a checkout that was never published lacks the image's name, and says where it goes", () => {
  const unpublished = disagreements(changed("chart/values.yaml", "ghcr.io/acme/internode", "internode"), NAMES);
  expect(unpublished).toEqual([
    "chart/values.yaml has the image internode, and ghcr.io/acme/internode is published: put it into scripts/image/name.ts, and run node scripts/generate-values-schema.ts",
  ]);
});
