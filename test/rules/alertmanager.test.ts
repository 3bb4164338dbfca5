// The configuration that docs/alertmanager.md shows is valid, and sends alerts where the page says.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { load } from "js-yaml";
import { afterAll, beforeAll, expect } from "vitest";
import { RULES } from "./promtool.ts";
import { needs } from "../support/needs.ts";

const { test } = await needs("amtool");

const run = promisify(execFile);
const PAGE = fileURLToPath(new URL("../../docs/alertmanager.md", import.meta.url));
let folder: string;
let config: string;
let text: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "internode-alertmanager-"));
  config = join(folder, "alertmanager.yml");
  text = (await readFile(PAGE, "utf8")).match(/```yaml\n([\s\S]*?)```/)![1]!;
  await writeFile(config, text);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Alerts of the rules that can be a page. */
async function criticalAlerts(): Promise<readonly string[]> {
  const alerts = [
    ...(await readFile(RULES, "utf8")).matchAll(/- alert: (\w+)\n(?:(?!- alert:)[\s\S])*?severity: (\w+)/g),
  ];
  return alerts.filter(([, , severity]) => severity === "critical").map(([, alert]) => alert!);
}

test("amtool accepts the documented configuration", async () => {
  const { stdout } = await run("amtool", ["check-config", config]);
  expect(stdout).toMatch(/SUCCESS/);
  expect(stdout).toMatch(/5 inhibit rules/);
});

test.each([
  { labels: ["alertname=InternodeNodeDegraded", "severity=critical", "node=worker-7"], receiver: "pager" },
  {
    labels: [
      "alertname=InternodeZonePairDegraded",
      "severity=critical",
      "source_zone=a",
      "destination_zone=b",
      "cluster=east",
    ],
    receiver: "pager",
  },
  { labels: ["alertname=InternodeDnsFailing", "severity=critical"], receiver: "pager" },
  { labels: ["alertname=InternodeDnsFailing", "severity=warning", "node=worker-7"], receiver: "tickets" },
  { labels: ["alertname=InternodePairsDegraded", "severity=warning"], receiver: "tickets" },
  { labels: ["alertname=KubeNodeNotReady", "severity=critical", "node=worker-7"], receiver: "tickets" },
])("$labels goes to $receiver", async ({ labels, receiver }) => {
  await run("amtool", [
    "config",
    "routes",
    "test",
    `--config.file=${config}`,
    `--verify.receivers=${receiver}`,
    ...labels,
  ]);
  const other = receiver === "pager" ? "tickets" : "pager";
  await expect(
    run("amtool", ["config", "routes", "test", `--config.file=${config}`, `--verify.receivers=${other}`, ...labels]),
  ).rejects.toMatchObject({ code: 1 });
});

test("the page is sent at once and knows every critical alert of the rules", async () => {
  const page = await readFile(PAGE, "utf8");
  const row = page.split("\n").find((line) => line.startsWith("| `critical`"))!;
  expect(new Set(row.match(/Internode\w+/g))).toEqual(new Set(await criticalAlerts()));
  expect(text).toMatch(/severity = "critical"'\]\n\s+receiver: pager\n\s+group_by: .*\n\s+group_wait: 1s/);
});

test("a page of ours is never silenced by another alert", async () => {
  const { inhibit_rules: inhibitions } = load(text) as {
    inhibit_rules: readonly { target_matchers: readonly string[] }[];
  };
  const ours = inhibitions.filter(({ target_matchers: targets }) =>
    targets.some((matcher) => matcher.includes("Internode")),
  );
  const pages = (await criticalAlerts()).filter((alert) =>
    ours.some(
      ({ target_matchers: targets }) =>
        targets.some((matcher) => matcher.includes(alert)) && !targets.includes('severity = "warning"'),
    ),
  );
  expect(ours).toHaveLength(4);
  expect(pages).toEqual([]);
});

test("every alert named in the configuration exists", async () => {
  const rules = await readFile(RULES, "utf8");
  const known = new Set([...rules.matchAll(/- alert: (\w+)/g)].map(([, alert]) => alert));
  const named = new Set(text.match(/Internode[A-Z]\w+/g));
  expect(named.size).toBeGreaterThan(8);
  expect([...named].filter((alert) => !known.has(alert))).toEqual([]);
});
