// The token of actions, wherever whoever types has it: a file, the environment, the pod's own configuration. A cluster's
// Secret is read by the user's own rights (cluster-agent.ts).
import type { Command as Parser } from "commander";
import { asToken, readToken, type Token } from "../../base/token-file.ts";
import { loadConfig } from "../../config/load.ts";
import { CONFIG_FILE_VARIABLE, TOKEN_VARIABLE } from "../../config/layers.ts";
import { AgentUnreachable } from "../mesh-client.ts";
import { tokenFileElsewhere } from "./token-place.ts";

export const declareToken = (parser: Parser): Parser =>
  parser.option(
    "--token-file <FILE>",
    `file with the token of actions (default: ${TOKEN_VARIABLE}, in a pod its agent's own, else the Secret of the cluster)`,
  );

/** Undefined: none was named. Throws AgentUnreachable for one that cannot be used. */
export async function namedToken(
  file: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> {
  if (file !== undefined) return usable(await readToken(file));
  const given = env[TOKEN_VARIABLE];
  if (given !== undefined) return usable(asToken(given, TOKEN_VARIABLE));
  const own = ownTokenFile(env);
  return own === undefined ? undefined : usable(await readToken(own));
}

/** Where none was named. Throws AgentUnreachable for one that cannot be used. */
export async function tokenAt(url: string): Promise<string | undefined> {
  const file = await tokenFileElsewhere(url);
  return file === undefined ? undefined : usable(await readToken(file));
}

/** Throws AgentUnreachable. */
export function usable(token: Token): string {
  if (token.kind === "token") return token.token;
  throw new AgentUnreachable(token.why);
}

function ownTokenFile(env: NodeJS.ProcessEnv): string | undefined {
  if (env[CONFIG_FILE_VARIABLE] === undefined) return undefined;
  try {
    return loadConfig({ argv: [], env }).config.tokenFile;
  } catch {
    return undefined;
  }
}
