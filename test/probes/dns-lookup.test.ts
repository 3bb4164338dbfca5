import { spawn, type ChildProcess } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Clock } from "../../agent/base/clock.ts";
import { lookup, type LookupOptions } from "../../agent/probes/dns-lookup.ts";

const clock: Clock = { baseSeconds: 0, monotonicNs: () => Number(process.hrtime.bigint()), realtimeNs: () => 0 };
const SERVER = "127.0.0.1";
let server: ChildProcess;
let port: number;

beforeAll(async () => {
  server = spawn(process.execPath, [fileURLToPath(new URL("../support/dns-server.ts", import.meta.url)), SERVER], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line] = (await once(server.stdout!, "data")) as [Buffer];
  port = Number(line.toString());
});

afterAll(async () => {
  server.stdin!.end();
  await once(server, "exit");
});

const ask = (name: string, options: Partial<LookupOptions> = {}) =>
  lookup({ clock, server: SERVER, port, name, timeoutMs: 5_000, ...options });

test("a name with both kinds of address is resolved, with the time it took", async () => {
  const outcome = await ask("resolves.test");
  expect(outcome).toMatchObject({ kind: "resolved", addresses: ["192.0.2.1", "2001:db8::1"] });
  expect(outcome.kind === "resolved" && outcome.durationNs).toBeGreaterThan(0);
});

test("a name with IPv4 addresses only is resolved, and an alias is followed", async () => {
  expect(await ask("v4only.test")).toMatchObject({ kind: "resolved", addresses: ["192.0.2.1"] });
  expect(await ask("alias.test")).toMatchObject({ kind: "resolved", addresses: ["192.0.2.1", "2001:db8::1"] });
});

test.each([
  ["nxdomain.test", "nxdomain"],
  ["servfail.test", "servfail"],
  ["refused.test", "refused"],
  ["formerr.test", "formerr"],
  ["bare-formerr.test", "formerr"],
  ["notimp.test", "notimp"],
  ["code9.test", "other"],
  ["nodata.test", "nodata"],
  ["garbage.test", "malformed"],
])("%s fails as %s", async (name, reason) => {
  expect(await ask(name)).toEqual({ kind: "failed", reason, unanswered: [] });
});

test("silence fails as timeout, both questions unanswered", async () => {
  expect(await ask("silent.test", { timeoutMs: 200 })).toEqual({
    kind: "failed",
    reason: "timeout",
    unanswered: ["A", "AAAA"],
  });
});

test("the conntrack race, one of two packets lost, fails as timeout and names the one that is missing", async () => {
  expect(await ask("drop-aaaa.test", { timeoutMs: 200 })).toEqual({
    kind: "failed",
    reason: "timeout",
    unanswered: ["AAAA"],
  });
  expect(await ask("drop-a.test", { timeoutMs: 200 })).toEqual({
    kind: "failed",
    reason: "timeout",
    unanswered: ["A"],
  });
});

test("an answer too large for a datagram is fetched over TCP", async () => {
  expect(await ask("truncated.test")).toMatchObject({ kind: "resolved", addresses: ["192.0.2.1", "2001:db8::1"] });
});

test("an answer that stays truncated over TCP is malformed", async () => {
  expect(await ask("truncated-for-good.test")).toMatchObject({ kind: "failed", reason: "malformed" });
});

test("a truncated answer without a TCP server fails as truncated", async () => {
  await using udpOnly = await udpServer((query) => {
    const reply = Buffer.from(query);
    reply.writeUInt16BE(0x8380, 2);
    return reply;
  });
  expect(await ask("big.test", { port: udpOnly.port })).toMatchObject({ kind: "failed", reason: "truncated" });
});

test("answers with a wrong id or question, queries and scraps are ignored", async () => {
  expect(await ask("spoofed.test")).toMatchObject({ kind: "resolved", addresses: ["192.0.2.1", "2001:db8::1"] });
});

test("a server that listens on nothing is closed, which is no timeout", async () => {
  const free = await udpServer(() => undefined);
  await free[Symbol.asyncDispose]();
  expect(await ask("resolves.test", { port: free.port })).toMatchObject({ kind: "failed", reason: "closed" });
});

test("what our own kernel refuses at once is told by its reason and never a timeout", async () => {
  // A broadcast address without SO_BROADCAST: EACCES.
  expect(await ask("resolves.test", { server: "255.255.255.255" })).toEqual({
    kind: "failed",
    reason: "blocked",
    unanswered: ["A", "AAAA"],
  });
});

test("an answer that this process was too busy to read counts, without a time", async () => {
  const pending = ask("slow.50.test", { timeoutMs: 300 });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const until = performance.now() + 600;
  while (performance.now() < until);
  expect(await pending).toEqual({ kind: "resolved", durationNs: undefined, addresses: ["192.0.2.1", "2001:db8::1"] });
});

test("A and AAAA leave from one port with different ids, once each", async () => {
  const seen: { id: number; port: number }[] = [];
  await using quiet = await udpServer((query, from) => {
    seen.push({ id: query.readUInt16BE(0), port: from });
    return undefined;
  });
  await ask("resolves.test", { port: quiet.port, timeoutMs: 300 });
  expect(seen).toHaveLength(2);
  expect(seen[0]!.port).toBe(seen[1]!.port);
  expect(seen[0]!.id).not.toBe(seen[1]!.id);
});

test("an aborted lookup lets go of its socket at once", async () => {
  const stop = new AbortController();
  const pending = ask("silent.test", { timeoutMs: 60_000, signal: stop.signal });
  stop.abort();
  expect(await pending).toMatchObject({ kind: "failed" });
  expect(await ask("silent.test", { timeoutMs: 60_000, signal: stop.signal })).toMatchObject({ kind: "failed" });
});

test("a name that DNS cannot carry is refused before anything is sent", () => {
  expect(() => void ask(`${"x".repeat(64)}.test`)).toThrow(RangeError);
});

async function udpServer(
  answer: (query: Buffer, fromPort: number) => Buffer | undefined,
): Promise<AsyncDisposable & { readonly port: number }> {
  const socket = createSocket("udp4", (query, from) => {
    const reply = answer(query, from.port);
    if (reply) socket.send(reply, from.port, from.address);
  });
  socket.bind(0, SERVER);
  await once(socket, "listening");
  return {
    port: socket.address().port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
