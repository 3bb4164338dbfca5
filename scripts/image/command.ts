// Runs a program whose output is worth seeing only when it fails.
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const LAST_CHARACTERS = 4000;

export async function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, args, {
      env: { ...process.env, ...env },
      maxBuffer: 256 << 20,
    });
    return stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { readonly stdout?: string; readonly stderr?: string };
    throw new Error(`'${program} ${args.join(" ")}' failed:\n${`${stdout}${stderr}`.slice(-LAST_CHARACTERS)}`, {
      cause: error,
    });
  }
}
