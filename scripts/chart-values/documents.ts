// The documents written from the schemas: values.yaml, values.schema.json, what templates must know of the agent, and
// the table in the chart's README. Pure: text in, text out.
import { dump } from "js-yaml";
import { z } from "zod";
import { configJsonSchema, type ValueSchema } from "../../agent/config/options.ts";
import { RULES, type Rule } from "../../agent/config/rule-table.ts";
import { configSchema } from "../../agent/config/schema.ts";
import { CATALOGUE } from "../../agent/metrics/catalogue.ts";
import { protocolFacts } from "./protocols.ts";
import { withHints } from "./hints.ts";
import { valuesSchema } from "./schema.ts";

const HEADER = "Written by scripts/generate-values-schema.ts from scripts/chart-values/: edit there.";
const WIDTH = 118;

type Schema = ValueSchema & { readonly additionalProperties?: unknown };

const chartSchema = (): Schema =>
  withRequired(z.toJSONSchema(valuesSchema, { target: "draft-7", io: "input" }) as Schema, defaults());
const defaults = (): Readonly<Record<string, unknown>> => valuesSchema.parse({});
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Described key by key, and not an empty map that users fill. */
const isSection = (schema: Schema, value: unknown): value is Readonly<Record<string, unknown>> =>
  schema.properties !== undefined && isObject(value) && Object.keys(value).length > 0;

/**
 * Helm takes `key: null`, and a key with only comments below it, for the wish to have no such key. Maps and lists are
 * empty then, and so is a text that is empty by default; without the rest templates would stumble.
 */
function withRequired(schema: Schema, values: Readonly<Record<string, unknown>>): Schema {
  const needed = Object.entries(values)
    .filter(
      ([key, value]) =>
        isSection(schema.properties![key]!, value) || !(value === "" || value === null || typeof value === "object"),
    )
    .map(([key]) => key);
  const properties = Object.entries(schema.properties!).map(([key, child]) => {
    const inner = values[key];
    return [key, isSection(child, inner) ? withRequired(child, inner) : child] as const;
  });
  const nullable = (key: string): boolean =>
    schema.properties![key]!.anyOf?.some(({ type }) => type === "null") === true;
  const required = needed.filter((key) => !nullable(key));
  return { ...schema, properties: Object.fromEntries(properties), ...(required.length === 0 ? {} : { required }) };
}

/** The agent's options that an installation may set: the downward API and the chart say the rest. */
function agentOptions(): Schema {
  const { $schema: _, required: _required, ...schema } = configJsonSchema() as Schema & { readonly $schema?: string };
  const { node: _node, discovery, ...properties } = schema.properties!;
  const kubernetes = discovery!.oneOf!.find((variant) => variant.properties?.["kind"]?.const === "kubernetes")!;
  return {
    ...schema,
    description: "Options of the agent, see docs/configuration.md.",
    properties: {
      discovery: {
        type: "object",
        properties: { idleTimeoutMs: kubernetes.properties!["idleTimeoutMs"]! },
        additionalProperties: false,
      } as Schema,
      ...properties,
    },
  };
}

/** Draft-07, the newest that every Helm reads; closed at every level that the chart interprets. */
export function valuesSchemaJson(): string {
  const schema = chartSchema();
  const joined = {
    ...schema,
    title: "Values of the Internode chart",
    $comment: HEADER,
    properties: { ...schema.properties, config: agentOptions() },
  };
  return `${JSON.stringify(withHints(joined), null, 2)}\n`;
}

/** What the agent assumes where nothing is said; the placeholders are in no part that the templates read. */
function agentDefaults(): unknown {
  const {
    node: _,
    discovery: _discovery,
    ...rest
  } = configSchema.parse({ node: { name: "n" }, discovery: { kind: "kubernetes", namespace: "n", service: "n" } });
  return rest;
}

/** Rules between options that an installation may set. */
const chartRules = (): readonly Rule[] => RULES.filter((rule) => !JSON.stringify(rule).includes('"node.'));

/** chart/files/agent.json: defaults that templates compute with, so that they repeat none. */
export function agentJson(): string {
  const facts = {
    comment: HEADER,
    defaults: agentDefaults(),
    rttHistogramSeries: CATALOGUE.zoneRtt.buckets.length + 3,
    protocols: protocolFacts(),
    rules: chartRules(),
  };
  return `${JSON.stringify(facts, null, 2)}\n`;
}

/** Every value with its default, and above it what it is for. */
export function valuesYaml(): string {
  const lines = [
    `# ${HEADER}`,
    "# Checked against values.schema.json by Helm itself: an unknown name or a wrong type stops the install.",
    "",
  ];
  writeObject(lines, { schema: chartSchema(), values: defaults(), indent: "" });
  return `${lines.join("\n")}\n`;
}

interface Level {
  readonly schema: Schema;
  readonly values: Readonly<Record<string, unknown>>;
  readonly indent: string;
}

function writeObject(lines: string[], { schema, values, indent }: Level): void {
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    if (!(key in values)) continue;
    const value = values[key];
    for (const line of wrapped(child.description ?? "", WIDTH - indent.length - 2)) lines.push(`${indent}# ${line}`);
    if (isSection(child, value)) {
      lines.push(`${indent}${key}:`);
      writeObject(lines, { schema: child, values: value, indent: `${indent}  ` });
    } else {
      for (const line of dump({ [key]: value }, { lineWidth: -1 })
        .trimEnd()
        .split("\n"))
        lines.push(indent + line);
    }
    if (indent === "") lines.push("");
  }
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + word.length + 1 > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return line === "" ? lines : [...lines, line];
}

/** One line for each value. */
export function valuesTable(): string {
  const rows: string[] = [];
  const visit = (prefix: string, schema: Schema, values: Readonly<Record<string, unknown>>): void => {
    for (const [key, child] of Object.entries(schema.properties ?? {})) {
      if (!(key in values)) continue;
      const value = values[key];
      if (isSection(child, value)) visit(`${prefix}${key}.`, child, value);
      else
        rows.push(
          `| \`${prefix}${key}\` | \`${JSON.stringify(value)}\` | ${(child.description ?? "").replaceAll("|", "\\|")} |`,
        );
    }
  };
  visit("", chartSchema(), defaults());
  return ["| value | default | meaning |", "|---|---|---|", ...rows].join("\n");
}
