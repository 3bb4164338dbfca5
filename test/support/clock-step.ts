// The machine's wall clock, moved and put back exactly; a process of its own sees to the latter.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const WORKER = fileURLToPath(new URL("clock-step.worker.ts", import.meta.url));

export interface ClockSteps extends AsyncDisposable {
  /** Forwards, or with a negative number backwards. */
  by(seconds: number): Promise<void>;
}

/** Needs CAP_SYS_TIME. Disposing takes all steps back, and so does the end of this process. */
export function clockSteps(): ClockSteps {
  // A session of its own: a Ctrl-C in the terminal must not reach it.
  const child = spawn(process.execPath, [WORKER], { stdio: ["pipe", "pipe", "pipe"], detached: true });
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaints += text));
  child.stdin.on("error", () => {});
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exited = once(child, "exit");
  return {
    async by(seconds) {
      child.stdin.write(`${seconds}\n`);
      if ((await answers.next()).done === true)
        throw new Error(`the clock could not be stepped by ${seconds} s: ${complaints.trim()}`);
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
    },
  };
}
