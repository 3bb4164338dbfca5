import { createServer, type Server } from "node:net";
import { afterEach, expect, test } from "vitest";
import * as C from "../../agent/kernel/constants.ts";
import { KernelError } from "../../agent/kernel/kernel.ts";
import { deferAccept, limitSegments } from "../../agent/kernel/listening-socket.ts";
import { getInt } from "../../agent/kernel/packet-socket.ts";

let server: Server | undefined;
afterEach(() => void server?.close());

/** Node tells the descriptor of a listening socket nowhere else. */
async function descriptor(): Promise<number> {
  const listening = (server = createServer());
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const { _handle: handle } = listening as unknown as { readonly _handle: { readonly fd: number } };
  return handle.fd;
}

test("segments are as small as asked for, and accepting waits for data", async () => {
  const fd = await descriptor();
  limitSegments(fd, 536);
  expect(getInt(fd, C.IPPROTO_TCP, C.TCP_MAXSEG)).toBe(536);
  expect(getInt(fd, C.IPPROTO_TCP, C.TCP_DEFER_ACCEPT)).toBe(0);
  deferAccept(fd);
  expect(getInt(fd, C.IPPROTO_TCP, C.TCP_DEFER_ACCEPT)).toBeGreaterThan(0);
});

test("what is no socket is told with its errno", () => {
  expect(() => limitSegments(-1, 536)).toThrow(KernelError);
  expect(() => deferAccept(-1)).toThrow(/EBADF/);
});
