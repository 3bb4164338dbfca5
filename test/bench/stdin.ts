// The other end of conversation.ts: a worker waits for its next line.
import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** The next line from the bench; this process ends when the bench has. */
export async function told(): Promise<string> {
  const { value, done } = await lines.next();
  if (done === true) process.exit(1);
  return value;
}

/** Nothing more is awaited: without this an open stdin would keep the process. */
export const nothingMore = (): void => void process.stdin.destroy();
