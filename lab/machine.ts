// Running the machine's own tools (ip, bridge, nft), and telling a person what is missing and how to get it.
import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** Something the lab asked of the machine did not work; the message says what, why, and the cure. */
export class LabError extends Error {
  override readonly name = "LabError";
}

/** Debian's packages of the tools a lab needs, by program. `setpriv` is in every Debian (essential). */
const PACKAGES = { ip: "iproute2", bridge: "iproute2", nft: "nftables", setpriv: "util-linux" } as const;
export type Tool = keyof typeof PACKAGES;

/** sbin is not on everybody's PATH, and that is where these tools live. */
const searchPath = [
  ...new Set([...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin", "/usr/bin", "/bin"]),
].filter(Boolean);
export const toolEnvironment: NodeJS.ProcessEnv = { ...process.env, PATH: searchPath.join(delimiter), LC_ALL: "C" };

/** Tools that are not installed. */
export async function missingTools(
  tools: readonly Tool[] = Object.keys(PACKAGES) as Tool[],
  path: readonly string[] = searchPath,
): Promise<Tool[]> {
  const found = await Promise.all(
    tools.map(async (tool) => (await Promise.all(path.map((dir) => isExecutable(join(dir, tool))))).includes(true)),
  );
  return tools.filter((_, i) => !found[i]);
}

/** Why the tools are wanted, and the line that installs them. */
export function missingToolsMessage(tools: readonly Tool[]): string {
  const packages = [...new Set(tools.map((tool) => PACKAGES[tool]))];
  return `the lab needs ${tools.join(", ")}, which ${tools.length === 1 ? "is" : "are"} not installed here. On Debian or Ubuntu: apt-get install -y ${packages.join(" ")}`;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

export interface RunOptions {
  readonly input?: string;
}

/** Run a tool to its end and return what it printed. Throws LabError with the tool's own words. */
export async function run(command: string, args: readonly string[], { input }: RunOptions = {}): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(command, args, { env: toolEnvironment, stdio: ["pipe", "pipe", "pipe"] });
  let out = "";
  let complaints = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaints += text));
  // A tool that ends before it has read everything says why in its own words and by its exit code.
  child.stdin.on("error", () => {}).end(input ?? "");
  const asked = [command, ...args].join(" ");
  child.on("error", (err) => reject(new LabError(`could not run '${asked}': ${err.message}`)));
  child.on("close", (code, signal) => {
    if (code === 0) resolve(out);
    else
      reject(
        new LabError(
          `'${asked}' ended with ${signal ?? `code ${code}`}: ${complaints.trim() || out.trim() || "it said nothing"}`,
        ),
      );
  });
  return promise;
}

/** Inside a network namespace, with a /sys of that namespace. */
export function inNamespace(
  namespace: string,
  command: string,
  args: readonly string[],
  options?: RunOptions,
): Promise<string> {
  return run("ip", ["netns", "exec", namespace, command, ...args], options);
}

/** Names of all network namespaces of this machine. */
export async function listNamespaces(): Promise<string[]> {
  const out = await run("ip", ["netns", "list"]);
  return out
    .split("\n")
    .map((line) => line.split(" ")[0]!)
    .filter((name) => name !== "");
}
