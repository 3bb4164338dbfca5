// What processes that run until they are told to stop have in common: their configuration, and a log of JSON lines.
import { pino, stdSerializers, type Logger } from "pino";
import { forLog } from "../base/escape.ts";
import { ConfigError, loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { Typed } from "./command.ts";
import { configFlags } from "./config-flags.ts";

/** Undefined: what is wrong with it has been printed. */
export function readConfig(command: string, typed: Typed): Config | undefined {
  try {
    return loadConfig({ argv: configFlags(typed), env: process.env }).config;
  } catch (err) {
    if (!(err instanceof ConfigError)) throw err;
    console.error(`internode ${command}: ${err.message}`);
    return undefined;
  }
}

export function openLog(config: Config): Logger {
  const stdout = pino.destination({ fd: 1, sync: true });
  return pino(
    {
      level: config.logLevel,
      base: { node: config.node.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      // Names of classes are shortened in the image: `type` is what the error calls itself.
      serializers: {
        err: (err: unknown) => (err instanceof Error ? { ...stdSerializers.err(err), type: err.name } : err),
      },
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line) => void stdout.write(forLog(line)) },
  );
}

export async function untilStopped(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}
