// Whoever is paged follows these pages at night: every alert has one, and nothing on them is invented.
import { Command as Parser } from "commander";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../agent/cli/commands.ts";
import { CATALOGUE, type Metric } from "../../agent/metrics/catalogue.ts";
import { namesIn } from "../dashboards/promql.ts";
import { RULES } from "../rules/promtool.ts";
import { pages } from "./pages.ts";
import { needs } from "../support/needs.ts";

const { test: promtoolTest } = await needs("promtool");

const run = promisify(execFile);
const SECTIONS = ["Meaning", "Impact", "Confirm", "Causes, likeliest first", "Cure", "Silence"];
const SUFFIXES: Readonly<Record<Metric["type"], readonly string[]>> = {
  counter: [""],
  gauge: [""],
  summary: ["_sum", "_count"],
  histogram: ["_bucket", "_sum", "_count"],
};

const rules = await readFile(RULES, "utf8");
const alerts = new Set([...rules.matchAll(/- alert: (\w+)/g)].map(([, alert]) => alert!));
const recorded = new Set([...rules.matchAll(/- record: (\S+)/g)].map(([, record]) => record!));
/** Label names by series; those of recorded ones are not listed anywhere. */
const exported = new Map<string, ReadonlySet<string>>(
  Object.values<Metric>(CATALOGUE).flatMap(({ name, type, labels }) =>
    SUFFIXES[type].map((suffix): [string, Set<string>] => [
      name + suffix,
      new Set([...labels, "cluster", ...(suffix === "_bucket" ? ["le"] : [])]),
    ]),
  ),
);
const ANY_LABEL: ReadonlySet<string> = new Set(
  [...exported.values()].flatMap((labels) => [...labels]).concat("node", "zone", "daemonset"),
);
const ofKubernetes = new Set(rules.match(/\bkube_\w+/g));

// README.md is their index.
const runbooks = pages("runbooks/Internode*.md");
const guides = [...runbooks, ...pages("{troubleshooting,scaling}.md")];
const queries = guides.flatMap(({ path, queries }) => queries.map((query): [string, string] => [path, query]));

test("every alert has a runbook, and every runbook an alert", () => {
  expect(runbooks.map(({ path }) => path)).toEqual([...alerts].sort().map((alert) => `runbooks/${alert}.md`));
});

describe.each(
  runbooks.map((page): [string, (typeof runbooks)[number]] => [page.path.replace(/^.*\/|\.md$/g, ""), page]),
)("the runbook %s", (alert, { text, queries, calls }) => {
  test("has its sections in the order that one needs them", () => {
    expect(text.split("\n")[0]).toBe(`# ${alert}`);
    expect([...text.matchAll(/^## (.+)$/gm)].map(([, title]) => title)).toEqual(SECTIONS);
  });

  test("tells every severity that the alert has", () => {
    const severities = [
      ...rules.matchAll(new RegExp(`- alert: ${alert}\\n(?:(?!- alert:)[\\s\\S])*?severity: (\\w+)`, "g")),
    ].map(([, severity]) => severity!);
    const line = /^Severity: (.+)/m.exec(text)![1]!;
    expect(["critical", "warning"].filter((severity) => line.includes(severity))).toEqual(
      [...new Set(severities)].sort(),
    );
  });

  test("confirms with three queries or more, and with kubectl", () => {
    expect(queries.length).toBeGreaterThanOrEqual(3);
    expect(text).toMatch(/^kubectl /m);
    // With nothing reporting there is no agent to ask.
    expect(calls.length > 0).toBe(alert !== "InternodeDown");
  });

  test("silences itself and nothing else, by labels that the alert has", () => {
    const [, matchers] = /^amtool .*silence add (.+?) --duration=\w+ --comment='[^']+'$/m.exec(text)!;
    const [name, ...labels] = matchers!.split(" ");
    expect(name).toBe(`alertname=${alert}`);
    const allowed = [
      "node",
      "zone",
      "source_zone",
      "destination_zone",
      "network",
      "protocol",
      "reason",
      "code",
      "subject",
    ];
    const bodies = rules.split(/^ {6}- (?=alert:|record:)/m).filter((rule) => rule.startsWith(`alert: ${alert}\n`));
    for (const label of labels) {
      const key = label.split("=")[0]!;
      expect(allowed).toContain(key);
      expect(
        bodies.some((body) => new RegExp(`\\b${key}\\b`).test(body)),
        `${alert} has no label ${key}`,
      ).toBe(true);
    }
  });
});

test("every alert that a page names exists", () => {
  const named = guides.flatMap(({ path, text }) =>
    [...text.matchAll(/\bInternode[A-Z]\w+/g)].map(([alert]) => `${path}: ${alert}`),
  );
  expect(named.length).toBeGreaterThan(alerts.size);
  expect(named.filter((entry) => !alerts.has(entry.split(": ")[1]!))).toEqual([]);
});

test("every link to another page or file leads somewhere", () => {
  const links = guides.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map(([, link]) => join(dirname(path), link!)),
  );
  expect(links.length).toBeGreaterThan(5);
  expect(links.filter((link) => !existsSync(new URL(`../../docs/${link}`, import.meta.url)))).toEqual([]);
});

test("every command of ours that a page calls exists, with the options it is given", async () => {
  const called = guides.flatMap(({ path, calls }) => calls.map((words) => ({ path, words })));
  expect(new Set(called.map(({ words }) => words[0]))).toContain("matrix");
  for (const { path, words } of called) {
    const entry = COMMANDS[words[0]!];
    if (entry === undefined) throw new Error(`${path} calls internode ${words.join(" ")}: there is no such command`);
    const { command } = await entry.load();
    let help = "";
    const parser = new Parser().configureOutput({ writeOut: (text) => void (help += text) });
    command.declare(parser);
    parser.outputHelp();
    for (const option of words.filter((word) => word.startsWith("-")))
      expect(help, `${path}: internode ${words.join(" ")}`).toMatch(new RegExp(`(^|[ ,])${option}\\b`, "m"));
  }
});

test.each(queries)("%s asks only for what is exported or recorded: %s", (_, query) => {
  const { selectors, grouping, made } = namesIn(query);
  expect(selectors.length).toBeGreaterThan(0);
  const known = new Set(made);
  for (const { metric, labels } of selectors) {
    const own = exported.get(metric);
    if (own === undefined && !recorded.has(metric) && !ofKubernetes.has(metric))
      throw new Error(`nothing exports or records ${metric}`);
    const possible = own ?? ANY_LABEL;
    expect(
      labels.filter((label) => !possible.has(label)),
      metric,
    ).toEqual([]);
    for (const label of possible) known.add(label);
  }
  expect(grouping.filter((label) => !known.has(label))).toEqual([]);
});

test("every other name with our prefix, in any sentence of a page, is exported or recorded", () => {
  const known = (name: string) =>
    exported.has(name) || recorded.has(name) || Object.values<Metric>(CATALOGUE).some((metric) => metric.name === name);
  const named = guides.flatMap(({ path, text }) =>
    [...text.matchAll(/(?<![\w:])internode(?:_[a-z_]+|:[a-z_0-9:]*[a-z0-9])/g)].map(([name]) => ({ path, name })),
  );
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter(({ name }) => !known(name) && name !== "internode_")).toEqual([]);
});

promtoolTest("promtool 2.42 takes every query", async () => {
  const folder = await mkdtemp(join(tmpdir(), "internode-runbooks-"));
  try {
    const file = join(folder, "queries.yaml");
    // JSON is YAML.
    await writeFile(
      file,
      JSON.stringify({
        groups: [{ name: "queries", rules: queries.map(([, expr], i) => ({ record: `query:${i}`, expr })) }],
      }),
    );
    const { stdout } = await run("promtool", ["check", "rules", file]);
    expect(stdout).toContain(`SUCCESS: ${queries.length} rules found`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
