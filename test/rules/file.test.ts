// The rules file itself: what promtool says of it, and what every alert must carry.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { ALERTING_CODES } from "../../agent/diagnosis/catalogue/alerting.ts";
import { CODES } from "../../agent/diagnosis/catalogue/codes.ts";
import { withCatalogue } from "../../scripts/generate-finding-alert.ts";
import { CURRENT_PROMTOOL, PROMTOOL, RULES } from "./promtool.ts";
import { needs } from "../support/needs.ts";
import { DNS_FAILING_RATIO, LOSSY_RATIO, SERVICE_FAILING_RATIO } from "../../agent/model/thresholds.ts";

const { test: promtoolTest } = await needs("promtool");
const { test: currentTest } = await needs("built prometheus");

const run = promisify(execFile);

promtoolTest("promtool 2.42 finds no fault in the rules", async () => {
  const { stdout } = await run(PROMTOOL.path, ["check", "rules", "--lint=all", "--lint-fatal", RULES]);
  expect(stdout).toMatch(/SUCCESS: \d+ rules found/);
});

currentTest("a current promtool finds no fault in the rules", async () => {
  const { stdout } = await run(CURRENT_PROMTOOL!.path, ["check", "rules", "--lint=all", "--lint-fatal", RULES]);
  expect(stdout).toMatch(/SUCCESS: \d+ rules found/);
});

test("every alert has a severity, a summary without figures, a description, and the runbook of its own name", async () => {
  const blocks = (await readFile(RULES, "utf8"))
    .split(/^ {6}- (?=alert:|record:)/m)
    .filter((block) => block.startsWith("alert:"));
  const alerts = blocks.map((block) => ({ block, name: block.match(/^alert: (\w+)/)![1]! }));
  expect(new Set(alerts.map(({ name }) => name)).size).toBe(19);
  for (const { block, name } of alerts) {
    expect(block, name).toMatch(/severity: (critical|warning)\n/);
    expect(block, name).toMatch(/summary: [^{}]+\n/);
    expect(block, name).toMatch(/description: >-\n/);
    expect(block, name).toContain(`/docs/runbooks/${name}.md\n`);
  }
});

test("what the alert on findings says is the catalogue's (node scripts/generate-finding-alert.ts writes it)", async () => {
  const rules = await readFile(RULES, "utf8");
  expect(rules).toBe(withCatalogue(rules));
  for (const code of ALERTING_CODES) expect(rules).toContain(`eq $labels.code "${code}" }}${CODES[code].title}.`);
});

test("no rule but the one on findings reads what a judge says: a lying judge raises or silences no counter alert", async () => {
  const rules = (await readFile(RULES, "utf8")).split(/^ {6}- (?=alert:|record:)/m);
  const readers = rules.filter((rule) => /internode_finding|internode_judge|internode:finding\b/.test(rule));
  expect(readers.map((rule) => rule.split("\n")[0])).toEqual(["record: internode:finding", "alert: InternodeFinding"]);
});

test("no rule knows a job, an instance or a pod: only names that every way of scraping keeps", async () => {
  expect(await readFile(RULES, "utf8")).not.toMatch(/\b(job|instance|pod|container|endpoint)\s*[=!,)]/);
});

test("every threshold is a constant of the first group and is read somewhere as a scalar", async () => {
  const rules = await readFile(RULES, "utf8");
  const first = rules.slice(rules.indexOf("- name: internode.thresholds"), rules.indexOf("- name: internode.loss"));
  const constants = [...first.matchAll(/- record: (internode:threshold_\w+)\n\s+expr: vector\([\d.]+\)/g)].map(
    ([, name]) => name!,
  );
  const read = new Set([...rules.matchAll(/scalar\(max\((internode:threshold_\w+)\)\)/g)].map(([, name]) => name!));
  expect(read).toEqual(new Set(constants));
});

test.each([
  ["a pair is lossy", "loss_ratio", LOSSY_RATIO],
  ["DNS fails", "dns_failure_ratio", DNS_FAILING_RATIO],
  ["a service path fails", "service_failure_ratio", SERVICE_FAILING_RATIO],
])("%s for the rules where it does for the agent, its page and the dashboards", async (_, name, threshold) => {
  const rules = await readFile(RULES, "utf8");
  const [, ratio] = new RegExp(`- record: internode:threshold_${name}\\n\\s+expr: vector\\(([\\d.]+)\\)`).exec(rules)!;
  expect(Number(ratio)).toBe(threshold);
});
