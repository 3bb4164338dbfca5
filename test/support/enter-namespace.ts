// Puts this process's main thread into a network namespace: sockets opened from now on live there, those opened
// before stay where they were. setns(2) acts on the calling thread only, and Node opens sockets on the main thread.
import { closeSync, openSync } from "node:fs";
import koffi from "koffi";

const CLONE_NEWNET = 0x4000_0000;
const setns = koffi.load("libc.so.6").func("int setns(int, int)") as (fd: number, kind: number) => number;

/** Disposing goes back. `name`: as `ip netns` knows it. */
export function enterNamespace(name: string): Disposable {
  const before = openSync("/proc/thread-self/ns/net", "r");
  enter(`/run/netns/${name}`);
  return {
    [Symbol.dispose]() {
      setns(before, CLONE_NEWNET);
      closeSync(before);
    },
  };
}

function enter(path: string): void {
  const fd = openSync(path, "r");
  try {
    if (setns(fd, CLONE_NEWNET) !== 0) throw new Error(`setns(${path}) failed: needs root`);
  } finally {
    closeSync(fd);
  }
}
