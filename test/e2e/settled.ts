// Whether a GitOps tool would ever be content: it compares what Helm renders with what the API server keeps. What the server
// adds to a map is the server's; in a list many tools know no better than to compare entries whole, so there the render has
// to say everything itself.
type Json = unknown;

/** A line for each place where the server has something else than was rendered, or in a list more. */
export function unsettled(rendered: Json, kept: Json, path = "", isInList = false): readonly string[] {
  if (Array.isArray(rendered) && Array.isArray(kept) && rendered.length === kept.length)
    return rendered.flatMap((item: Json, i) => unsettled(item, kept[i], `${path}[${i}]`, true));
  if (isMap(rendered) && isMap(kept)) {
    const keys = isInList ? new Set([...Object.keys(rendered), ...Object.keys(kept)]) : Object.keys(rendered);
    return [...keys].flatMap((key) => unsettled(rendered[key], kept[key], `${path}.${key}`, isInList));
  }
  const isSame = isQuantity(path) ? amount(rendered) === amount(kept) : rendered === kept;
  return isSame ? [] : [`${path}: ${JSON.stringify(rendered)} is kept as ${JSON.stringify(kept)}`];
}

const isMap = (value: Json): value is Readonly<Record<string, Json>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Written in many ways, and kept in one: tools read them as numbers. */
const isQuantity = (path: string): boolean => /\.resources\.(requests|limits)\.\w+$/.test(path);

const UNITS: Readonly<Record<string, number>> = { "": 1, m: 1e-3, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };

function amount(quantity: Json): number {
  const [, figure, unit] = /^([\d.]+)([A-Za-z]*)$/.exec(String(quantity)) ?? [];
  return Number(figure) * (UNITS[unit ?? ""] ?? NaN);
}
