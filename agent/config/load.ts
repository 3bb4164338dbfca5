// The effective configuration from flags, environment, file and defaults, in this order of precedence; or every error
// there is, at once, each with where it came from and its cure.
import { readBytesSync, textOf } from "../base/files.ts";
import { OPTIONS, describeValues, optionAt } from "./options.ts";
import { contradictions } from "./rules.ts";
import { configSchema, type Config } from "./schema.ts";
import { readUdpKey } from "./udp-key.ts";
import {
  CONFIG_FILE_VARIABLE,
  fromDownwardApi,
  fromEnvironment,
  fromFile,
  fromFlags,
  preview,
  type OptionError,
  type Layer,
  type Setting,
} from "./layers.ts";

export interface ConfigSources {
  /** Flags only, without the command's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Throws when it cannot. Default: the files of this machine. */
  readonly readFile?: ((path: string) => Uint8Array | string) | undefined;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Option path → where its value comes from: "flag --x", "environment X", "file F" or "default". */
  readonly origins: ReadonlyMap<string, string>;
}

/** All that is wrong with a configuration. */
export class ConfigError extends Error {
  readonly errors: readonly OptionError[];
  constructor(errors: readonly OptionError[]) {
    super(
      `the configuration has ${errors.length} ${errors.length === 1 ? "error" : "errors"}:\n${errors.map((f) => `  - ${describeError(f)}`).join("\n")}`,
    );
    this.name = "ConfigError";
    this.errors = errors;
  }
}

const describeError = (f: OptionError): string =>
  `${f.option === undefined ? f.origin : `${f.option} (${f.origin})`}: ${f.problem}. ${f.cure}`;

export function loadConfig(sources: ConfigSources): LoadedConfig {
  const read = (path: string): Uint8Array => Buffer.from((sources.readFile ?? readBytesSync)(path));
  const flags = fromFlags(sources.argv);
  const layers = [
    fromDownwardApi(sources.env),
    fileLayer(flags.file ?? sources.env[CONFIG_FILE_VARIABLE], read),
    fromEnvironment(sources.env),
    flags,
  ];
  const errors = layers.flatMap((layer) => layer.errors);
  const settings = merge(layers, errors);

  const parsed = configSchema.safeParse(nested(settings));
  const wrong = new Set<string>();
  for (const issue of parsed.error?.issues ?? []) {
    const path = owningOption(issue.path);
    if (wrong.has(path)) continue;
    wrong.add(path);
    errors.push(valueError(path, settings.get(path)));
  }
  // Contradictions among the options that are right are reported together with those that are wrong.
  const judged = parsed.success ? parsed.data : configSchema.parse(nested(withoutWrong(settings, wrong)));
  const origin = (path: string): string => settings.get(path)?.origin ?? "default";
  for (const { options, problem, cure } of contradictions(judged, (path) => settings.has(path))) {
    const [option] = options;
    if (!options.some((path) => wrong.has(path))) errors.push({ option, origin: origin(option), problem, cure });
  }
  if (!wrong.has("udp.keyFile")) errors.push(...keyError(judged, origin("udp.keyFile"), read));
  if (errors.length > 0 || !parsed.success) throw new ConfigError(errors);
  const origins = OPTIONS.filter((o) => o.kind === undefined || o.kind === parsed.data.discovery.kind).map(
    (o) => [o.path, origin(o.path)] as const,
  );
  return { config: parsed.data, origins: new Map(origins) };
}

function fileLayer(path: string | undefined, read: (path: string) => Uint8Array): Layer {
  if (path === undefined || path === "") return { settings: new Map(), errors: [] };
  try {
    return fromFile(path, textOf(read(path)));
  } catch (err) {
    const error: OptionError = {
      origin: `file ${path}`,
      problem: `cannot be read: ${(err as Error).message}`,
      cure: `Correct the path in --config or ${CONFIG_FILE_VARIABLE}, or make the file readable.`,
    };
    return { settings: new Map(), errors: [error] };
  }
}

function keyError({ udp }: Config, origin: string, read: (path: string) => Uint8Array): OptionError[] {
  if (udp.keyFile === undefined) return [];
  try {
    readUdpKey(udp.keyFile, read);
    return [];
  } catch (err) {
    const problem = `holds no key: ${(err as Error).message}`;
    const cure = "Name a readable file with the same bytes on every agent, or leave it out to probe without a key.";
    return [{ option: "udp.keyFile", origin, problem, cure }];
  }
}

/** Later layers win. Whoever names another kind of discovery begins it afresh: what earlier layers said of the old kind goes. */
function merge(layers: readonly Layer[], errors: OptionError[]): Map<string, Setting> {
  const merged = new Map<string, Setting>();
  const rank = new Map<string, number>();
  for (const [i, layer] of layers.entries()) {
    for (const [path, setting] of layer.settings) {
      merged.set(path, setting);
      rank.set(path, i);
    }
  }
  const kind = merged.get("discovery.kind");
  const kindIsKnown = optionAt.get("discovery.kind")?.schema.enum?.includes(kind?.value) ?? false;
  const strays = [...merged].flatMap(([path, setting]) => {
    const belongsTo = optionAt.get(path)?.kind;
    return belongsTo === undefined || belongsTo === kind?.value ? [] : [{ path, setting, belongsTo }];
  });
  for (const { path, setting, belongsTo } of strays) {
    merged.delete(path);
    // An unknown or missing kind is an error of its own.
    if (!kindIsKnown || rank.get(path)! < rank.get("discovery.kind")!) continue;
    errors.push({
      option: path,
      origin: setting.origin,
      problem: `belongs to discovery of kind "${belongsTo}", and the kind is ${preview(kind?.value)} (${kind?.origin})`,
      cure: "Remove one of the two.",
    });
  }
  return merged;
}

/** The flat settings as the tree that the schema reads. */
function nested(settings: ReadonlyMap<string, Setting>): unknown {
  const root: Record<string, unknown> = { node: {}, discovery: {} };
  for (const [path, { value }] of settings) {
    const keys = path.split(".");
    const last = keys.pop()!;
    let at = root;
    for (const key of keys) at = (at[key] ??= {}) as Record<string, unknown>;
    at[last] = value;
  }
  return root;
}

/** The option that an issue at this path is about: `dns.servers[0].label` → `dns.servers`. */
function owningOption(path: readonly PropertyKey[]): string {
  for (let length = path.length; length > 0; length -= 1) {
    const candidate = path.slice(0, length).join(".");
    if (optionAt.has(candidate)) return candidate;
  }
  return path.join(".");
}

function valueError(path: string, setting: Setting | undefined): OptionError {
  const option = optionAt.get(path)!;
  const ways = `Set ${path} in the file, ${option.environment} or ${option.flag}`;
  if (setting === undefined) {
    const cure =
      path === "node.name"
        ? `${ways}; in a pod take it from the downward API: env NODE_NAME with valueFrom.fieldRef.fieldPath: spec.nodeName.`
        : `${ways}.`;
    return { option: path, origin: "not set", problem: `is needed: ${describeValues(option.schema)}`, cure };
  }
  return {
    option: path,
    origin: setting.origin,
    problem: `is ${preview(setting.value)}`,
    cure: `It must be ${describeValues(option.schema)}.`,
  };
}

/** What is left when everything wrong goes, with stand-ins for what cannot be missing, so that the rest can be judged. */
function withoutWrong(settings: ReadonlyMap<string, Setting>, wrong: ReadonlySet<string>): Map<string, Setting> {
  const standIn = (value: unknown): Setting => ({ value, origin: "stand-in" });
  const rest = new Map([...settings].filter(([path]) => !wrong.has(path) && !path.startsWith("discovery.")));
  rest.set("discovery.kind", standIn("static")).set("discovery.file", standIn("unknown"));
  if (!rest.has("node.name")) rest.set("node.name", standIn("unknown"));
  return rest;
}
