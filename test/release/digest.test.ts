// What a release writes down about the image that it has just published.
import { readFileSync } from "node:fs";
import { load } from "js-yaml";
import { expect, test } from "vitest";
import { notes, withImage } from "../../scripts/release/digest.ts";

const CHART = readFileSync(new URL("../../chart/Chart.yaml", import.meta.url), "utf8");
const PUBLISHED = { image: "ghcr.io/acme/internode:1.2.3", digest: `sha256:${"0".repeat(64)}` };

test("the chart names the image by tag and digest, and is otherwise as it was", () => {
  const { annotations, ...rest } = load(withImage(CHART, PUBLISHED)) as { annotations: Record<string, string> };
  const { "artifacthub.io/images": images, ...others } = annotations;
  expect(load(images!)).toEqual([
    {
      name: "internode",
      image: `${PUBLISHED.image}@${PUBLISHED.digest}`,
      platforms: ["linux/amd64", "linux/arm64"],
    },
  ]);
  expect({ ...rest, annotations: others }).toEqual(load(CHART));
});

test("twice is a fault, not two images", () => {
  expect(() => withImage(withImage(CHART, PUBLISHED), PUBLISHED)).toThrow("names images already");
});

test("the notes have the values that pin it", () => {
  const [, values] = /```yaml\n([^]*?)```/.exec(notes(PUBLISHED))!;
  expect(load(values!)).toEqual({ image: { repository: "ghcr.io/acme/internode", digest: PUBLISHED.digest } });
});
