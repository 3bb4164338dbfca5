// Running the machine's own tools (ip, bridge, nft), and telling a person what is missing and how to get it.
import { spawn } from "node:child_process";
import { delimiter } from "node:path";
import { installLine, missingPrograms, PROGRAMS, SEARCHED } from "../scripts/programs.mjs";

/** Something the lab asked of the machine did not work; the message says what, why, and the cure. */
export class LabError extends Error {
  override readonly name = "LabError";
}

/** A tool failed. */
export class ToolError extends LabError {
  /** What it said of it. */
  readonly words: string;
  constructor(message: string, words: string) {
    super(message);
    this.words = words;
  }
}

export type Tool = keyof typeof PROGRAMS.start;
const TOOLS = Object.keys(PROGRAMS.start) as readonly Tool[];

export const toolEnvironment: NodeJS.ProcessEnv = { ...process.env, PATH: SEARCHED.join(delimiter), LC_ALL: "C" };

/** Tools that are not installed. */
export const missingTools = (folders?: readonly string[]): readonly Tool[] => missingPrograms(TOOLS, folders);

/** What a lab lacks, and the line that installs it. */
export function missingToolsMessage(tools: readonly Tool[]): { readonly reason: string; readonly cure: string } {
  return {
    reason: `${tools.join(", ")} ${tools.length === 1 ? "is" : "are"} not installed here`,
    cure: `Install what has them; on Debian or Ubuntu: ${installLine(tools.map((tool) => PROGRAMS.start[tool]))}`,
  };
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
    else {
      const words = complaints.trim() || out.trim() || "it said nothing";
      reject(new ToolError(`'${asked}' ended with ${signal ?? `code ${code}`}: ${words}`, words));
    }
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

/** Runs programs in one network namespace. */
export type Within = (command: string, args: readonly string[], options?: RunOptions) => Promise<string>;

export const withinOf =
  (namespace: string): Within =>
  (command, args, options) =>
    inNamespace(namespace, command, args, options);

/** Names of all network namespaces of this machine. */
export async function listNamespaces(): Promise<string[]> {
  const out = await run("ip", ["netns", "list"]);
  return out
    .split("\n")
    .map((line) => line.split(" ")[0]!)
    .filter((name) => name !== "");
}
