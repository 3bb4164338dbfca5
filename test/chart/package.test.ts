// The chart as it is published: what is in the archive, what Artifact Hub reads, and that it renders the same.
import { execFile } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { load } from "js-yaml";
import { describe, expect, test } from "vitest";
import { CHART, HELMS, only, render, WHY_NO_HELM, WITH_OPERATOR } from "./helm.ts";

const run = promisify(execFile);
const repository = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const chart = load(readFileSync(join(CHART, "Chart.yaml"), "utf8")) as {
  version: string;
  appVersion: string;
  kubeVersion: string;
  annotations: Readonly<Record<string, string>>;
};

test("chart, agent and image are of one version", async () => {
  const { version } = JSON.parse(repository("package.json")) as { version: string };
  expect([chart.version, chart.appVersion]).toEqual([version, version]);
});

test("what Artifact Hub reads is well-formed", () => {
  const list = (name: string) =>
    load(chart.annotations[`artifacthub.io/${name}`]!) as readonly Readonly<Record<string, unknown>>[];
  expect(
    list("changes").filter(
      ({ kind, description }) =>
        !["added", "changed", "deprecated", "removed", "fixed", "security"].includes(kind as string) ||
        typeof description !== "string",
    ),
  ).toEqual([]);
  expect([...list("links"), ...list("screenshots")].filter(({ url }) => !URL.canParse(url as string))).toEqual([]);
});

test("links into the repository lead to files that are there", () => {
  const text = readFileSync(join(CHART, "Chart.yaml"), "utf8");
  const paths = [...text.matchAll(/internode\/internode\/(?:blob\/)?main\/(\S+)/g)].map(([, path]) => path!);
  expect(paths.length).toBeGreaterThan(3);
  expect(
    paths.filter((path) => globSync(path, { cwd: fileURLToPath(new URL("../..", import.meta.url)) }).length === 0),
  ).toEqual([]);
});

describe.skipIf(HELMS.length === 0)(`the archive (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`, () => {
  test("renders what the folder renders, and carries the rules byte by byte", async () => {
    const folder = await mkdtemp(join(tmpdir(), "internode-chart-"));
    try {
      await run(HELMS[0]!.path, ["package", CHART, "--destination", folder]);
      const [archive] = await readdir(folder);
      expect(archive).toBe(`internode-${chart.version}.tgz`);
      expect(await render({ ...WITH_OPERATOR, chart: join(folder, archive!) })).toEqual(await render(WITH_OPERATOR));
      await run("tar", ["-xzf", join(folder, archive!), "-C", folder]);
      expect(readFileSync(join(folder, "internode/files/rules/internode.yaml"), "utf8")).toBe(
        repository("chart/files/rules/internode.yaml"),
      );
      expect(globSync("internode/ci/*", { cwd: folder })).toEqual([]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test("the pod of helm test starts Node.js where the image has it", async () => {
    // The first line of the bundle, which is what the image runs.
    const [, program] = /"#!(\/\S+node) /.exec(repository("scripts/bundle.mjs"))!;
    expect(only(await render(), "Pod").spec.containers[0]!.command![0]).toBe(program);
  });
});
