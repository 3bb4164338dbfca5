// A child process that is told things and answers, a line each.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface Conversation extends AsyncDisposable {
  readonly pid: number;
  /** The next line it prints; rejects, with what it complained of, when it ends without one. */
  heard(): Promise<string>;
  say(line: string): void;
}

export function converse(child: ChildProcess): Conversation {
  let complaints = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (complaints = (complaints + text).slice(-4_000)));
  child.stdin!.on("error", () => {}); // it has ended: the next heard() tells
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const exited = once(child, "exit");
  return {
    pid: child.pid!,
    async heard() {
      const { value, done } = await lines.next();
      if (done === true)
        throw new Error(`${child.spawnargs.slice(0, 8).join(" ")} … ended without a word more: ${complaints.trim()}`);
      return value;
    },
    say: (line) => void child.stdin!.write(`${line}\n`),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
