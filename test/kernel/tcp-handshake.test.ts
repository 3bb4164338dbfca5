// Handshakes of the real kernel on loopback: what TCP_INFO says in each state.
import { createServer, type AddressInfo, type Server } from "node:net";
import { setImmediate } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { systemClock } from "../../agent/kernel/clock.ts";
import type { TcpHandshake, TcpProgress } from "../../agent/kernel/kernel.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";

const kernel = openLinuxKernel(systemClock());
const open: { close(): void }[] = [];
afterEach(() => open.splice(0).forEach((server) => server.close()));

async function listening(): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer((socket) => socket.on("error", () => {}).end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push(server);
  return { port: (server.address() as AddressInfo).port, server };
}

function begun(port: number, from?: string): TcpHandshake {
  const handshake = kernel.connect(kernel.socketAddress("127.0.0.1", port), from === undefined ? undefined : { from });
  if ("errno" in handshake) throw new Error(handshake.errno);
  return handshake;
}

async function ended(handshake: TcpHandshake): Promise<TcpProgress> {
  for (;;) {
    const progress = handshake.poll();
    if (progress.state !== "connecting") return progress;
    await setImmediate();
  }
}

test("an answered handshake has a delay, says how long ago it was answered, and was not sent again", async () => {
  const { port } = await listening();
  using handshake = begun(port);
  const progress = await ended(handshake);
  expect(progress).toMatchObject({ state: "established", retransmits: 0 });
  expect(progress.state === "established" && progress.rttNs).toBeGreaterThan(0);
  expect(progress.state === "established" && progress.answeredAgoMs).toBeGreaterThanOrEqual(0);
});

test("one that the peer has closed since is still answered, with its delay", async () => {
  const { port } = await listening();
  using handshake = begun(port);
  const { rttNs } = (await ended(handshake)) as { rttNs: number };
  for (let turns = 0; turns < 50; turns += 1) await setImmediate();
  expect(handshake.poll()).toMatchObject({ state: "established", rttNs });
});

test("a reset is a refusal without an ICMP error", async () => {
  const { port, server } = await listening();
  await new Promise((resolve) => server.close(resolve));
  using handshake = begun(port);
  expect(await ended(handshake)).toEqual({ state: "closed", retransmits: 0, errno: "ECONNREFUSED" });
});

test("the source address is the one that is asked for, and one that is not this machine's is told", async () => {
  const server = createServer();
  const seen = new Promise<string | undefined>((resolve) =>
    server.on("connection", (socket) => resolve(socket.on("error", () => {}).remoteAddress)),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push(server);
  const { port } = server.address() as AddressInfo;
  using handshake = begun(port, "127.0.0.9");
  await ended(handshake);
  expect(await seen).toBe("127.0.0.9");
  const to = kernel.socketAddress("127.0.0.1", port);
  expect(kernel.connect(to, { from: "192.0.2.1" })).toEqual({ errno: "EADDRNOTAVAIL" });
});

test("disposed twice it closes its descriptor once", async () => {
  const { port } = await listening();
  const handshake = begun(port);
  await ended(handshake);
  handshake[Symbol.dispose]();
  const next = begun(port);
  handshake[Symbol.dispose]();
  expect((await ended(next)).state).toBe("established");
  next[Symbol.dispose]();
});
