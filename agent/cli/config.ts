// What is in effect, and who said so.
import { optionsForTerminal } from "../config/describe.ts";
import { ConfigError, loadConfig, type LoadedConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { EXIT, UsageError, type Command } from "./command.ts";

export const command: Command = {
  summary: "Print the effective configuration and where each value comes from",
  help: `
Usage: internode config [--config FILE] [-o json] [options]

Reads the same file, environment and flags as 'internode agent', in this order of precedence: flags, environment,
file, defaults. Prints every option, or, with exit code 2, everything that is wrong, each with its cure.

  --config FILE
      A JSON file; INTERNODE_CONFIG names it too.
  -o, --output table|json
      json prints { schemaVersion, config, origins }; 'config' of it is a file that --config accepts.

Options (in the environment: --icmp-interval-ms is INTERNODE_ICMP_INTERVAL_MS; in the file: icmp.intervalMs):

${optionsForTerminal()}`,
  run(args) {
    const { output, rest } = takeOutput(args);
    let loaded: LoadedConfig;
    try {
      loaded = loadConfig({ argv: rest, env: process.env });
    } catch (err) {
      throw err instanceof ConfigError ? new UsageError(err.message) : err;
    }
    console.log(output === "json" ? configAsJson(loaded) : configAsTable(loaded));
    return Promise.resolve(EXIT.fine);
  },
};

const OUTPUTS = ["table", "json"] as const;
type Output = (typeof OUTPUTS)[number];

function takeOutput(args: readonly string[]): { readonly output: Output; readonly rest: readonly string[] } {
  const at = args.findIndex((arg) => arg === "-o" || arg === "--output" || arg.startsWith("--output="));
  if (at < 0) return { output: "table", rest: args };
  const inline = args[at]!.startsWith("--output=");
  const value = inline ? args[at]!.slice("--output=".length) : args[at + 1];
  const output = OUTPUTS.find((known) => known === value);
  if (output === undefined) throw new UsageError(`-o takes ${OUTPUTS.join(" or ")}, not '${value ?? ""}'`);
  return { output, rest: args.toSpliced(at, inline ? 1 : 2) };
}

export function configAsJson({ config, origins }: LoadedConfig): string {
  return JSON.stringify({ schemaVersion: 1, config, origins: Object.fromEntries(origins) }, null, 2);
}

export function configAsTable({ config, origins }: LoadedConfig): string {
  const rows = [...origins].map(([path, origin]) => [path, valueText(valueAt(config, path)), origin] as const);
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return [["OPTION", "VALUE", "FROM"] as const, ...rows]
    .map(([path, value, origin]) => `${path.padEnd(widths[0]!)}  ${value.padEnd(widths[1]!)}  ${origin}`)
    .join("\n");
}

const valueAt = (config: Config, path: string): unknown =>
  path.split(".").reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], config);

function valueText(value: unknown): string {
  if (value === undefined) return "-";
  return typeof value === "string" && value !== "" ? value : JSON.stringify(value);
}
