// The workflows that run the tests: nothing here can run them, so actionlint reads them and their promises are looked up.
import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import { expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { SUITE_NAMES } from "../../scripts/ci/suites.ts";
import { builtTools } from "../../scripts/tools/cache.ts";
import { needs } from "../support/needs.ts";

const { test: lintTest } = await needs("built actionlint");

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FILES = globSync(".github/workflows/*.yml", { cwd: ROOT }).map((file) => `${ROOT}${file}`);

interface Workflow {
  readonly permissions: object;
  readonly jobs: Readonly<Record<string, { readonly "timeout-minutes"?: number; readonly permissions?: object }>>;
}

lintTest("actionlint finds no fault in any workflow", () => {
  const actionlint = builtTools(["actionlint"])!["actionlint"]!;
  expect(execFileSync(actionlint, ["-shellcheck=", "-pyflakes=", ...FILES], { encoding: "utf8" })).toBe("");
});

test.each(FILES)("%s pins its actions, gives each job its rights and a time limit, and nothing more", (file) => {
  const text = readFileSync(file, "utf8");
  const uses = [...text.matchAll(/uses: (.+)$/gm)].map(([, action]) => action!);
  expect(uses.length).toBeGreaterThan(0);
  expect(uses.filter((action) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action))).toEqual([]);
  const { permissions, jobs } = load(text) as Workflow;
  expect(permissions).toEqual({});
  for (const [name, job] of Object.entries(jobs)) {
    expect(job["timeout-minutes"], name).toBeGreaterThan(0);
    expect(job.permissions, name).toBeDefined();
  }
});

test("test:all, which the nightly runs, has every suite of .ci/run", () => {
  const scripts: Readonly<Record<string, string>> = packageJson.scripts;
  for (const name of SUITE_NAMES) expect(scripts["test:all"]).toMatch(name === "test" ? /^npm test / : `test:${name}`);
});

test("Dependabot updates all that names versions and that it can read", () => {
  const { updates } = load(readFileSync(`${ROOT}.github/dependabot.yml`, "utf8")) as {
    readonly updates: readonly { readonly "package-ecosystem": string; readonly directory: string }[];
  };
  const files = { npm: "package.json", "github-actions": ".github/workflows", docker: "Dockerfile" };
  expect(updates.map((update) => update["package-ecosystem"])).toEqual(Object.keys(files));
  expect(Object.values(files).filter((file) => !existsSync(ROOT + file))).toEqual([]);
  expect(updates.filter(({ directory }) => directory !== "/")).toEqual([]);
});

test("a pull request runs both tiers, each by the command that CONTRIBUTING.md names", () => {
  const workflow = readFileSync(`${ROOT}.github/workflows/pull-request.yml`, "utf8");
  const contributing = readFileSync(`${ROOT}CONTRIBUTING.md`, "utf8");
  for (const command of ["npm run test:unit", "npm run test:integration"]) {
    expect(workflow).toMatch(new RegExp(`run: .*${command}$`, "m"));
    expect(contributing).toContain(`\`${command}\``);
  }
});
