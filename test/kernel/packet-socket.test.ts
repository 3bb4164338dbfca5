import { expect, test } from "vitest";
import { systemClock } from "../../agent/kernel/clock.ts";
import { KernelError } from "../../agent/kernel/kernel.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";

test("a socket that is no good any more throws when it is read, and is not read for ever", () => {
  const kernel = openLinuxKernel(systemClock());
  const socket = kernel.openUdp({ family: "ipv4", port: 0, address: "127.0.0.1" });
  const batch = kernel.createBatch(2, 64);
  expect([socket.receive(batch), socket.receiveErrors(batch)]).toEqual([0, 0]);
  socket[Symbol.dispose]();
  expect(() => socket.receive(batch)).toThrow(KernelError);
  expect(() => socket.receiveErrors(batch)).toThrow(KernelError);
});
