// Where the agent answers that a command runs beside: in its pod they share the configuration.
import { loadConfig, type ConfigSources } from "../config/load.ts";
import { CONFIG_FILE_VARIABLE } from "../config/layers.ts";
import { DEFAULT_URL } from "./mesh-client.ts";

/** The default outside of a pod, and where the configuration is not one that an agent runs with. */
export function ownAgentUrl({ env, readFile }: Omit<ConfigSources, "argv">): string {
  if (env[CONFIG_FILE_VARIABLE] === undefined) return DEFAULT_URL;
  try {
    const { listen, ports } = loadConfig({ argv: [], env, readFile }).config;
    const bound = listen.find((address) => /^(127\.|::1$)/.test(address)) ?? listen[0] ?? "0.0.0.0";
    const host = bound === "0.0.0.0" ? "127.0.0.1" : bound === "::" ? "::1" : bound;
    return `http://${host.includes(":") ? `[${host}]` : host}:${ports.http}`;
  } catch {
    return DEFAULT_URL;
  }
}
