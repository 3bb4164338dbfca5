// Tasks over worker threads, each handed the next when it is done with one.
import { Worker } from "node:worker_threads";
import type { Done, Task } from "./trials.worker.ts";

export async function runAll(
  tasks: readonly Task[],
  { threads, onDone }: { readonly threads: number; readonly onDone: (done: Done, left: number) => void },
): Promise<void> {
  const waiting = [...tasks];
  let left = tasks.length;
  const workOff = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL("trials.worker.ts", import.meta.url));
      const next = (): void => {
        const task = waiting.shift();
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
        if (task) worker.postMessage(task);
        else void worker.terminate().then(() => resolve());
      };
      worker.on("error", reject);
      worker.on("message", (done: Done) => {
        onDone(done, --left);
        next();
      });
      next();
    });
  await Promise.all(Array.from({ length: Math.min(threads, tasks.length) }, workOff));
}
