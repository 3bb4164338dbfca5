// What is in effect, and who said so.
import { Option } from "commander";
import { optionsForTerminal } from "../config/describe.ts";
import { ConfigError, loadConfig, type LoadedConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { EXIT, UsageError, type Command } from "./command.ts";
import { configFlags, takesConfigFlags } from "./config-flags.ts";
import { table } from "./text-table.ts";

const OUTPUTS = ["table", "json"] as const;

const more = () => `
Reads the same file, environment and flags as 'internode agent', in this order of precedence: flags, environment,
file, defaults. Prints every option, or, with exit code 2, everything that is wrong, each with its cure.
With '-o json' it prints { schemaVersion, config, origins }; 'config' of it is a file that --config accepts.

Options of the agent. In the environment --icmp-interval-ms is INTERNODE_ICMP_INTERVAL_MS; in the file it is
icmp.intervalMs:

${optionsForTerminal()}`;

export const command: Command = {
  declare: (parser) =>
    void takesConfigFlags(parser)
      .addOption(new Option("-o, --output <FORMAT>", "how to print it").choices(OUTPUTS).default("table"))
      .addHelpText("after", more),
  run(typed) {
    let loaded: LoadedConfig;
    try {
      loaded = loadConfig({ argv: configFlags(typed), env: process.env });
    } catch (err) {
      throw err instanceof ConfigError ? new UsageError(err.message) : err;
    }
    console.log(typed.options["output"] === "json" ? configAsJson(loaded) : configAsTable(loaded));
    return Promise.resolve(EXIT.fine);
  },
};

export function configAsJson({ config, origins }: LoadedConfig): string {
  return JSON.stringify({ schemaVersion: 1, config, origins: Object.fromEntries(origins) }, null, 2);
}

export function configAsTable({ config, origins }: LoadedConfig): string {
  const rows = [...origins].map(([path, origin]) => [path, valueText(valueAt(config, path)), origin] as const);
  return table([["OPTION", "VALUE", "FROM"], ...rows]);
}

const valueAt = (config: Config, path: string): unknown =>
  path.split(".").reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], config);

function valueText(value: unknown): string {
  if (value === undefined) return "-";
  return typeof value === "string" && value !== "" ? value : JSON.stringify(value);
}
