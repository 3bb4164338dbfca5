// What the chart takes from the schemas is what is committed, and Helm's validator agrees with the agent's.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { expect, test } from "vitest";
import { OPTIONS } from "../../agent/config/options.ts";
import { chartDocuments } from "../../scripts/generate-values-schema.ts";
import { valuesSchema } from "../../scripts/chart-values/schema.ts";
import { CHART } from "./helm.ts";

const read = (path: string): string => readFileSync(join(CHART, path), "utf8");

test.for([...chartDocuments()])(
  "chart/%s is what the schemas give (node scripts/generate-values-schema.ts)",
  ([path, text]) => {
    expect(read(path)).toBe(text);
  },
);

test("values.yaml holds the defaults of the schema, every one of them", () => {
  expect(load(read("values.yaml"))).toEqual(valuesSchema.parse({}));
});

test("every value says what it is for", () => {
  const undocumented = read("values.yaml")
    .split("\n")
    .filter((line, i, lines) => /^ *[A-Za-z]+: ./.test(line) && !/^ *#/.test(lines[i - 1] ?? ""));
  expect(
    undocumented.map((line) => line.trim()).filter((line) => !/^(cpu|memory|grafana_dashboard):/.test(line)),
  ).toEqual([]);
});

interface Schema {
  readonly type?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
  readonly required?: readonly string[];
}

const schema = JSON.parse(read("values.schema.json")) as Schema & { readonly $schema: string };

test("the schema is draft-07, and closed wherever it names properties", () => {
  expect(schema.$schema).toBe("http://json-schema.org/draft-07/schema#");
  const open: string[] = [];
  const visit = (path: string, { properties, additionalProperties }: Schema): void => {
    if (properties === undefined) return;
    if (additionalProperties !== false) open.push(path);
    for (const [key, child] of Object.entries(properties)) visit(`${path}/${key}`, child);
  };
  visit("", schema);
  // Other charts of an umbrella have values of their own there.
  expect(open).toEqual(["/global"]);
});

test("what templates cannot do without may not be null; maps, lists and empty texts may", () => {
  const schemaOf = (path: readonly string[]) => path.reduce<Schema>((at, key) => at.properties![key]!, schema);
  const wrong: string[] = [];
  const visit = (path: readonly string[], values: Readonly<Record<string, unknown>>): void => {
    const { required = [] } = schemaOf(path);
    for (const [key, value] of Object.entries(values)) {
      const isMap = typeof value === "object" && value !== null && Object.keys(value).length > 0;
      const isSection = isMap && schemaOf([...path, key]).properties !== undefined && key !== "config";
      const isNeeded = isSection || (value !== "" && value !== null && typeof value !== "object");
      if (required.includes(key) !== (isNeeded && path[0] !== "podSecurity")) wrong.push([...path, key].join("."));
      if (isSection) visit([...path, key], value as Readonly<Record<string, unknown>>);
    }
  };
  visit([], valuesSchema.parse({}));
  expect(wrong).toEqual([]);
});

test("every option of the agent is an option of the chart, but what the pod and the chart know themselves", () => {
  const paths: string[] = [];
  const visit = (path: string, { properties }: Schema): void => {
    if (properties === undefined) paths.push(path);
    for (const [key, child] of Object.entries(properties ?? {})) visit(path === "" ? key : `${path}.${key}`, child);
  };
  visit("", schema.properties!["config"]!);
  const own = (path: string) =>
    path.startsWith("node.") || (path.startsWith("discovery.") && path !== "discovery.idleTimeoutMs");
  expect(new Set(paths)).toEqual(new Set(OPTIONS.map(({ path }) => path).filter((path) => !own(path))));
});
