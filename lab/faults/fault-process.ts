// A process of the lab that does what some faults need, in a namespace of its own, and counts what it did for each.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { dieWithParent } from "../agent-process.ts";
import { LabError, toolEnvironment } from "../machine.ts";
import type { FaultCounters } from "./fault.ts";

/** By number of the fault. */
export type Counters = Readonly<Record<number, FaultCounters>>;

export type FromFaultProcess =
  | { readonly type: "ready" }
  /** The answer to every request. Faults that it ended are in it once more. */
  | { readonly type: "counters"; readonly request: number; readonly counters: Counters };

export interface FaultProcessOptions {
  readonly namespace: string;
  /** It runs this, says `ready`, and answers each message. */
  readonly file: string;
  /** "delays packets" */
  readonly what: string;
}

/** A request as the lab phrases it; the number is the channel's business. */
type Unnumbered<T> = T extends unknown ? Omit<T, "request"> : never;

export class FaultProcess<M extends { readonly request: number }> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<Counters>>();
  readonly #what: string;
  #lastRequest = 0;

  private constructor(child: ChildProcess, what: string) {
    this.#child = child;
    this.#what = what;
  }

  static async start<M extends { readonly request: number }>({
    namespace,
    file,
    what,
  }: FaultProcessOptions): Promise<FaultProcess<M>> {
    const [command, ...args] = [...dieWithParent(), "ip", "netns", "exec", namespace, process.execPath, file];
    const child = spawn(command, args, { env: toolEnvironment, stdio: ["ignore", "ignore", "pipe", "ipc"] });
    let complaints = "";
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (complaints = (complaints + text).slice(-2_000)));
    const ended = once(child, "exit").then(() => {
      throw new LabError(
        `the process that ${what} ended at its start: ${/^\w*Error: .*$/m.exec(complaints)?.[0] ?? (complaints.trim() || "it said nothing")}`,
      );
    });
    await Promise.race([once(child, "message"), ended]);
    // From here on its end is told to whoever waits for an answer.
    ended.catch(() => {});
    const started = new FaultProcess<M>(child, what);
    child
      .on("message", (message: FromFaultProcess) => started.#heard(message))
      .once("exit", () => started.#lost(complaints));
    return started;
  }

  async ask(message: Unnumbered<M>): Promise<Counters> {
    const request = ++this.#lastRequest;
    const answer = Promise.withResolvers<Counters>();
    this.#waiting.set(request, answer);
    if (this.#child.connected) this.#child.send({ ...message, request });
    else this.#lost("");
    return answer.promise;
  }

  #heard(message: FromFaultProcess): void {
    if (message.type === "ready") return;
    this.#waiting.get(message.request)?.resolve(message.counters);
    this.#waiting.delete(message.request);
  }

  #lost(complaints: string): void {
    for (const answer of this.#waiting.values())
      answer.reject(
        new LabError(
          `the process that ${this.#what} has ended: ${complaints.trim()}. Clear its faults and inject them again.`,
        ),
      );
    this.#waiting.clear();
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }
}
