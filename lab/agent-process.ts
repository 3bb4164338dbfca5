// One agent of a lab: a process that dies with the lab, whose log is a file, and that faults can freeze or end.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { UNIX_PROXIES_VARIABLE, type UnixProxies } from "./unix-proxy.ts";
import { LabError, toolEnvironment } from "./machine.ts";

export interface AgentProcessOptions {
  readonly node: string;
  /** Pod namespace, or undefined for the machine's own. */
  readonly namespace: string | undefined;
  readonly configFile: string;
  readonly logFile: string;
  readonly unixProxies: UnixProxies;
  /** Words in front of its command: to be another user, for instance. */
  readonly as: readonly string[];
  /** It ended though nobody ended it. */
  readonly onUnexpectedEnd: (end: AgentEnd) => void;
}

export interface AgentEnd {
  readonly node: string;
  /** "code 1" or "SIGSEGV". */
  readonly how: string;
  /** Last lines of its log. */
  readonly lastWords: readonly string[];
  readonly logFile: string;
}

const MAIN = fileURLToPath(new URL("../agent/main.ts", import.meta.url));
const UNIX_PROXY = new URL("unix-proxy.ts", import.meta.url).href;
const LAST_WORDS = 5;

export class AgentProcess implements AsyncDisposable {
  readonly #options: AgentProcessOptions;
  #child: ChildProcess | undefined;

  constructor(options: AgentProcessOptions) {
    this.#options = options;
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Returns once the process exists; whether its API answers is another question. */
  async start(): Promise<void> {
    if (this.#child) return;
    const { namespace, configFile, logFile, unixProxies, as } = this.#options;
    // A proxy whose process was killed leaves its socket behind, and the next one could not listen there.
    await Promise.all(Object.keys(unixProxies).map((path) => rm(path, { force: true })));
    const log = openSync(logFile, "a", 0o600);
    try {
      const agent = [process.execPath, "--import", UNIX_PROXY, MAIN, "agent", "--config", configFile];
      const [command, ...args] = [
        ...dieWithParent(),
        ...(namespace === undefined ? [] : ["ip", "netns", "exec", namespace]),
        ...as,
        ...agent,
      ];
      const child = spawn(command!, args, {
        env: { ...agentEnvironment(), [UNIX_PROXIES_VARIABLE]: JSON.stringify(unixProxies) },
        stdio: ["ignore", log, log],
      });
      await once(child, "spawn").catch((err: Error) => {
        throw new LabError(`could not start the agent of ${this.#options.node}: ${err.message}`);
      });
      this.#child = child;
      child.once("exit", (code, signal) => void this.#ended(child, signal ?? `code ${code}`));
    } finally {
      closeSync(log);
    }
  }

  /** Stop it where it stands; its sockets stay open and its kernel goes on answering. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  async #ended(child: ChildProcess, how: string): Promise<void> {
    if (this.#child !== child) return;
    this.#child = undefined;
    const { node, logFile, onUnexpectedEnd } = this.#options;
    const log = await readFile(logFile, "utf8").catch(() => "");
    onUnexpectedEnd({ node, how, logFile, lastWords: log.trimEnd().split("\n").slice(-LAST_WORDS) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** Its configuration is its file alone: a variable meant for something else that is ours would be an unknown option. */
function agentEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(toolEnvironment).filter(([name]) => !name.startsWith("INTERNODE_")));
}

/** The kernel ends the process when the lab's own ends, however that happens (prctl(2) PR_SET_PDEATHSIG). Linux only. */
export function dieWithParent(): string[] {
  return process.platform === "linux" ? ["setpriv", "--pdeathsig", "KILL"] : [];
}
