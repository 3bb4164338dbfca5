// Every option of the schema as one flat list: its path, flag, environment variable, what values it takes. Derived
// from the schema, so that file, environment, flags and the table in the docs cannot disagree.
import * as z from "zod";
import { configSchema } from "./schema.ts";

/** The part of JSON Schema that the configuration schema comes out as. */
export interface ValueSchema {
  readonly type?: string;
  /** Its values in words. */
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly items?: ValueSchema;
  readonly properties?: Readonly<Record<string, ValueSchema>>;
  readonly required?: readonly string[];
  readonly oneOf?: readonly ValueSchema[];
  readonly anyOf?: readonly ValueSchema[];
}

export interface Option {
  /** Path in the file: `icmp.intervalMs`. */
  readonly path: string;
  /** `--icmp-interval-ms` */
  readonly flag: string;
  /** `INTERNODE_ICMP_INTERVAL_MS` */
  readonly environment: string;
  readonly description: string;
  readonly schema: ValueSchema;
  readonly required: boolean;
  /** The `discovery.kind` this option belongs to, when it does not exist with every kind. */
  readonly kind?: string;
}

export const ENVIRONMENT_PREFIX = "INTERNODE_";

/** The schema as JSON Schema: what a file may say, defaults filled in for nobody. */
export function configJsonSchema(): ValueSchema {
  return z.toJSONSchema(configSchema, { io: "input" }) as ValueSchema;
}

const words = (path: string): string[] =>
  path.split(".").flatMap((key) => key.replaceAll(/[A-Z]/g, (c) => `.${c.toLowerCase()}`).split("."));

function* walk(
  path: string,
  schema: ValueSchema,
  own: { readonly required: boolean; readonly kind?: string },
): Generator<Option> {
  if (schema.oneOf) {
    const kinds = schema.oneOf.map((variant) => variant.properties?.["kind"]?.const);
    yield option(
      `${path}.kind`,
      { type: "string", enum: kinds, ...(schema.description === undefined ? {} : { description: schema.description }) },
      { required: true },
    );
    for (const [i, variant] of schema.oneOf.entries()) {
      const { kind: _, ...rest } = variant.properties ?? {};
      yield* walk(path, { ...variant, properties: rest }, { required: own.required, kind: String(kinds[i]) });
    }
  } else if (schema.properties) {
    for (const [key, child] of Object.entries(schema.properties)) {
      yield* walk(path === "" ? key : `${path}.${key}`, child, {
        ...own,
        required: schema.required?.includes(key) ?? false,
      });
    }
  } else {
    yield option(path, schema, own);
  }
}

const option = (
  path: string,
  schema: ValueSchema,
  own: { readonly required: boolean; readonly kind?: string },
): Option => ({
  path,
  flag: `--${words(path).join("-")}`,
  environment: `${ENVIRONMENT_PREFIX}${words(path).join("_").toUpperCase()}`,
  description: schema.description ?? "",
  schema,
  ...own,
});

export const OPTIONS: readonly Option[] = [...walk("", configJsonSchema(), { required: true })];

export const optionAt: ReadonlyMap<string, Option> = new Map(OPTIONS.map((o) => [o.path, o]));

/** What values a schema takes, in words: "a whole number from 100 to 3600000". */
export function describeValues(schema: ValueSchema): string {
  if (schema.title !== undefined) return schema.title;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  if (schema.anyOf) {
    if (schema.anyOf.every((s) => s.format !== undefined))
      return takesRanges(schema) ? "an IP address or range" : "an IP address";
    return schema.anyOf.map(describeValues).join(", or ");
  }
  switch (schema.type) {
    case "integer":
    case "number":
      return `a whole number from ${schema.minimum} to ${schema.maximum}`;
    case "boolean":
      return "true or false";
    case "array":
      return `a list${ofItems(schema.items ?? {})}${(schema.minItems ?? 0) > 0 ? `, at least ${schema.minItems}` : ""}`;
    case "object":
      return `{ ${Object.entries(schema.properties ?? {})
        .map(([key, value]) => `"${key}": ${describeValues(value)}`)
        .join(", ")} }`;
    default:
      return schema.maxLength === undefined
        ? "text, not empty"
        : `text of ${schema.minLength ?? 0} to ${schema.maxLength} characters`;
  }
}

const takesRanges = ({ anyOf }: ValueSchema): boolean => anyOf?.some((s) => s.format?.startsWith("cidr")) ?? false;

function ofItems(items: ValueSchema): string {
  if (items.title !== undefined) return `, each ${items.title}`;
  if (!items.anyOf) return ` of ${describeValues(items)}`;
  return takesRanges(items) ? " of IP addresses or ranges such as 10.0.0.0/8" : " of IP addresses";
}

/**
 * A value from the environment or a flag, which are text. Lists are separated by commas (as the downward API writes
 * them) or JSON. What cannot be read stays text, and validation says what was expected.
 */
export function valueOfText(schema: ValueSchema, text: string): unknown {
  if (schema.anyOf && !schema.anyOf.every((s) => s.format !== undefined)) {
    const exact = schema.anyOf.find((s) => s.const === text);
    return exact ? text : valueOfText(schema.anyOf.find((s) => s.type === "array") ?? {}, text);
  }
  switch (schema.type) {
    case "integer":
    case "number":
      return /^[+-]?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text;
    case "boolean":
      return text === "true" ? true : text === "false" ? false : text;
    case "array":
      if (/^\s*\[/.test(text)) return jsonOr(text);
      return text.trim() === "" ? [] : text.split(",").map((item) => valueOfText(schema.items ?? {}, item.trim()));
    default:
      return text;
  }
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
