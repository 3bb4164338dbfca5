// Values at the edges of what a schema says, inside and outside of it: what a person may type, and worse.
import type { ValueSchema } from "../../agent/config/options.ts";

const NAMES = [
  "",
  "a",
  "A.b-C_d",
  "-a",
  "a-",
  ".",
  "..",
  "a..b",
  "a.",
  ".a",
  " ",
  "a b",
  " a",
  "a/b",
  "../a",
  "%41",
  "a\n",
  "a\0b",
  "é",
  "\u{feff}a",
  "\u{202e}a",
  '"',
  "{}",
  "*",
  "__proto__",
  `${"x".repeat(63)}.y`,
  `${"x".repeat(64)}.y`,
  "kubernetes..svc",
  "kubernetes.default.svc.cluster.local.",
];
const ADDRESSES = [
  "127.0.0.1",
  "127.0.0.2",
  "0.0.0.0",
  "::",
  "255.255.255.255",
  "224.0.0.1",
  "169.254.169.254",
  "240.0.0.1",
  "0.1.2.3",
  "::1",
  "::ffff:127.0.0.1",
  "ff02::1",
  "fe80::1",
  "fe80::1%lo",
  "1.2.3",
  "01.2.3.4",
  "localhost",
];
const RANGES = ["10.0.0.0/8", "169.254.0.0/16", "169.254.0.0/33", "fd00:ec2::254/128", "::/0", "0.0.0.0/0"];
/** Lists are tried with each element alone, and with these many in one. */
const SHOWN_TOGETHER = 3;

/** Every value is tried once; most are to be refused. */
export function edgeValues(schema: ValueSchema): unknown[] {
  if (schema.const !== undefined) return [schema.const];
  if (schema.enum) return [...schema.enum, "none of them"];
  if (schema.anyOf) return [...new Set(schema.anyOf.flatMap(edgeValues))];
  switch (schema.type) {
    case "integer":
    case "number": {
      const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = schema;
      return [minimum, maximum, minimum - 1, maximum + 1, Math.floor((minimum + maximum) / 2), minimum + 0.5, "7"];
    }
    case "boolean":
      return [true, false, "maybe"];
    case "array": {
      const items = edgeValues(schema.items ?? {});
      const pairs = items.map((item, i) => [item, items[(i + 1) % items.length]]);
      const some = items.slice(0, SHOWN_TOGETHER);
      return [[], ...items.map((item) => [item]), ...pairs, some, some.toReversed(), [items[0], items[0]], "no list"];
    }
    case "object":
      return objects(schema);
    default:
      return schema.format === undefined ? texts(schema) : schema.format.startsWith("cidr") ? RANGES : ADDRESSES;
  }
}

function texts({ minLength = 0, maxLength = 1_000 }: ValueSchema): string[] {
  return [...NAMES, "a".repeat(minLength), "a".repeat(maxLength), "a".repeat(maxLength + 1)];
}

/** Each property at each of its edges, the others at their first. */
function objects({ properties = {} }: ValueSchema): unknown[] {
  const edges = Object.entries(properties).map(([key, schema]) => [key, edgeValues(schema)] as const);
  const first = Object.fromEntries(edges.map(([key, values]) => [key, values[0]]));
  return [{}, first, ...edges.flatMap(([key, values]) => values.map((value) => ({ ...first, [key]: value })))];
}
