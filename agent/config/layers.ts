// Where settings come from: a JSON file, the environment, flags. Each source is read into a flat list of settings by
// option path, with what it could not make sense of as errors.
import { ENVIRONMENT_PREFIX, OPTIONS, optionAt, valueOfText } from "./options.ts";
import { nearest } from "./nearest.ts";

/** One thing that is wrong, where it was said, and what to do about it. */
export interface OptionError {
  /** Path of the option, when it is known. */
  readonly option?: string;
  /** Where it was said: "flag --x", "environment X", "file F", "default". */
  readonly origin: string;
  readonly problem: string;
  readonly cure: string;
}

export interface Setting {
  readonly value: unknown;
  readonly origin: string;
}

/** What one source says. A later layer overrides an earlier one. */
export interface Layer {
  readonly settings: ReadonlyMap<string, Setting>;
  readonly errors: readonly OptionError[];
}

/** Plain names that a pod specification gives by the downward API; used when nothing else says the same. */
export const DOWNWARD_NAMES: Readonly<Record<string, string>> = {
  NODE_NAME: "node.name",
  POD_IPS: "node.podAddresses",
  HOST_IPS: "node.nodeAddresses",
  POD_NAMESPACE: "discovery.namespace",
};

/** Names of our own prefix that are no option. */
export const CONFIG_FILE_VARIABLE = `${ENVIRONMENT_PREFIX}CONFIG`;
/** The token itself, for commands that start actions; the agent reads a file (`tokenFile`). */
export const TOKEN_VARIABLE = `${ENVIRONMENT_PREFIX}TOKEN`;
const NO_OPTIONS: readonly string[] = [CONFIG_FILE_VARIABLE, TOKEN_VARIABLE];
/** Kubernetes puts these into every pod for a Service named `internode` in the same namespace. */
const SERVICE_LINK =
  /^INTERNODE_(?:[A-Z0-9_]*_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/;

type Environment = Readonly<Record<string, string | undefined>>;

export function fromDownwardApi(env: Environment): Layer {
  const settings = new Map<string, Setting>();
  for (const [name, path] of Object.entries(DOWNWARD_NAMES)) {
    const text = env[name];
    const option = optionAt.get(path);
    if (text !== undefined && text !== "" && option)
      settings.set(path, { value: valueOfText(option.schema, text), origin: `environment ${name}` });
  }
  return { settings, errors: [] };
}

export function fromEnvironment(env: Environment): Layer {
  const settings = new Map<string, Setting>();
  const errors: OptionError[] = [];
  const byName = new Map(OPTIONS.map((o) => [o.environment, o]));
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(ENVIRONMENT_PREFIX) || text === undefined || NO_OPTIONS.includes(name)) continue;
    const option = byName.get(name);
    if (option) settings.set(option.path, { value: valueOfText(option.schema, text), origin: `environment ${name}` });
    else if (!SERVICE_LINK.test(name))
      errors.push({
        origin: `environment ${name}`,
        problem: "there is no such option",
        cure: didYouMean(name, [...byName.keys()], "Unset it"),
      });
  }
  return { settings, errors };
}

export interface FlagLayer extends Layer {
  /** What `--config` says. */
  readonly file?: string;
}

/** `--flag value`, `--flag=value`; a boolean alone means true. */
export function fromFlags(argv: readonly string[]): FlagLayer {
  const settings = new Map<string, Setting>();
  const errors: OptionError[] = [];
  const byFlag = new Map(OPTIONS.map((o) => [o.flag, o]));
  let file: string | undefined;
  for (let i = 0; i < argv.length; i += 1) {
    const arg = argv[i]!;
    if (!arg.startsWith("--")) {
      errors.push({
        origin: `argument '${arg}'`,
        problem: "is not an option",
        cure: "Options begin with '--'; a value follows its option. Remove it.",
      });
      continue;
    }
    const equals = arg.indexOf("=");
    const flag = equals < 0 ? arg : arg.slice(0, equals);
    const origin = `flag ${flag}`;
    const option = byFlag.get(flag);
    const next = argv[i + 1];
    let text = equals < 0 ? undefined : arg.slice(equals + 1);
    if (!option && flag !== "--config") {
      errors.push({
        origin,
        problem: "there is no such option",
        cure: didYouMean(flag, [...byFlag.keys(), "--config"], "Remove it"),
      });
      // What follows an unknown flag is most likely its value: one error, not two.
      if (text === undefined && next !== undefined && !next.startsWith("--")) i += 1;
      continue;
    }
    const takesNext =
      option?.schema.type === "boolean"
        ? next === "true" || next === "false"
        : next !== undefined && !next.startsWith("--");
    if (text === undefined && takesNext) {
      text = next!;
      i += 1;
    }
    if (text === undefined && option?.schema.type === "boolean") text = "true";
    const seen = option ? settings.has(option.path) : file !== undefined;
    if (text === undefined || (!option && text === ""))
      errors.push({ origin, problem: "has no value", cure: `Write ${flag}=VALUE.` });
    else if (seen)
      errors.push({
        origin,
        problem: "is given more than once",
        cure: "Give it once; the values of a list are separated by commas.",
      });
    else if (option) settings.set(option.path, { value: valueOfText(option.schema, text), origin });
    else file = text;
  }
  return { settings, errors, ...(file === undefined ? {} : { file }) };
}

/** The text of a JSON file whose keys are those of the schema. */
export function fromFile(path: string, text: string): Layer {
  const settings = new Map<string, Setting>();
  const errors: OptionError[] = [];
  const origin = `file ${path}`;
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (err) {
    errors.push({
      origin,
      problem: `is not JSON: ${(err as Error).message}`,
      cure: "Correct it at that place; comments and trailing commas are not JSON.",
    });
    return { settings, errors };
  }
  const groups = new Set(
    OPTIONS.flatMap((o) =>
      o.path
        .split(".")
        .slice(0, -1)
        .map((_, i, keys) => keys.slice(0, i + 1).join(".")),
    ),
  );

  const visit = (prefix: string, value: unknown): void => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      errors.push({
        origin,
        ...(prefix === "" ? {} : { option: prefix }),
        problem: `must be an object, not ${preview(value)}`,
        cure: `Write ${prefix === "" ? "{ … }" : `"${prefix}": { … }`}.`,
      });
      return;
    }
    for (const [key, child] of Object.entries(value)) {
      const at = prefix === "" ? key : `${prefix}.${key}`;
      if (optionAt.has(at)) settings.set(at, { value: child, origin });
      else if (groups.has(at)) visit(at, child);
      else
        errors.push({
          origin,
          option: at,
          problem: "there is no such option",
          cure: didYouMean(at, known(prefix), "Remove it"),
        });
    }
  };
  /** Names at this level first; a key put at the wrong level is found among all paths. */
  const known = (prefix: string): string[] => {
    const paths = [...optionAt.keys(), ...groups];
    const here = paths.filter((p) => p.startsWith(prefix === "" ? "" : `${prefix}.`));
    return [...here, ...paths];
  };
  visit("", root);
  return { settings, errors };
}

function didYouMean(word: string, candidates: readonly string[], otherwise: string): string {
  const near = nearest(word, candidates);
  return near === undefined ? `${otherwise}; docs/configuration.md lists all options.` : `Did you mean '${near}'?`;
}

/** A value as a message shows it, never longer than a line. */
export function preview(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length <= 80 ? text : `${text.slice(0, 77)}…`;
}
