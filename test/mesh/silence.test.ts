import { createServer, createConnection, type AddressInfo, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { SilenceError, unlessSilent } from "../../agent/mesh/silence.ts";

const SILENCE_MS = 300;

const server = createServer();
let far: Socket;
let near: Socket;

beforeEach(async () => {
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  near = createConnection((server.address() as AddressInfo).port, "127.0.0.1");
  far = await accepted;
});
afterEach(async () => {
  vi.useRealTimers();
  near.destroy();
  far.destroy();
  await new Promise((resolve) => server.close(resolve));
});

/** The event loop does not turn for so long. */
function block(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

/** Lets time pass for timers, and what was written before arrive. */
async function pass(ms: number): Promise<void> {
  for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  await vi.advanceTimersByTimeAsync(ms);
}

async function readToEnd(heard: string[]): Promise<void> {
  for await (const chunk of unlessSilent(near, SILENCE_MS)) heard.push(String(chunk));
}

describe("a connection", () => {
  test("that brings something now and then is listened to for as long as it lasts", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const heard: string[] = [];
    const ended = readToEnd(heard);
    for (const word of ["a", "b", "c", "d"]) {
      await pass(SILENCE_MS / 2);
      far.write(word);
    }
    await pass(SILENCE_MS / 2);
    far.end();
    await ended;
    expect(heard).toEqual(["a", "b", "c", "d"]);
  });

  test("that falls silent is given up after that time, and closed", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const heard: string[] = [];
    far.write("a");
    let failure: unknown;
    const ended = readToEnd(heard).catch((err: unknown) => (failure = err));
    await pass(SILENCE_MS - 1);
    expect(failure).toBeUndefined();
    await pass(SILENCE_MS);
    await ended;
    expect(failure).toBeInstanceOf(SilenceError);
    expect(heard).toEqual(["a"]);
    expect(near.destroyed).toBe(true);
  });

  test("that falls silent is given up at the first turn of a busy event loop after that time", async () => {
    let turns = 0;
    const busy = setInterval(() => {
      turns += 1;
      block(SILENCE_MS);
    }, 1);
    await expect(readToEnd([])).rejects.toThrow(SilenceError);
    clearInterval(busy);
    expect(turns).toBeLessThan(4);
  });

  test("is not blamed for the time in which this process itself stood still", async () => {
    const heard: string[] = [];
    const ended = readToEnd(heard);
    await sleep(SILENCE_MS / 2);
    // In the phase of the loop after which timers come before sockets.
    setImmediate(() => {
      far.write("a");
      block(2 * SILENCE_MS);
    });
    await sleep(SILENCE_MS * 2.5);
    far.end("b");
    await ended;
    expect(heard.join("")).toBe("ab");
  });

  test("that is no longer read is not given up later", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    far.write("a");
    for await (const _ of unlessSilent(near, SILENCE_MS)) break;
    let failure: Error | undefined;
    near.on("error", (error) => (failure = error));
    await pass(2 * SILENCE_MS);
    expect(failure).not.toBeInstanceOf(SilenceError);
  });
});
