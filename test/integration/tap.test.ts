// A TAP device in a real namespace: what the kernel sends out of it is read whole, what is written comes in, and it is gone
// when it is let go.
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { KernelError } from "../../agent/kernel/kernel.ts";
import { openTap, type Tap } from "../../agent/kernel/tap.ts";
import { enterNamespace } from "../support/enter-namespace.ts";
import { needs } from "../support/needs.ts";
import { vethPair, type VethPair } from "../support/veth.ts";

const { describe, test } = await needs("namespaces", "tap devices", "ping");

const NAME = "intap0";
const ETHERTYPE_ARP = 0x0806;
const OWN = Uint8Array.from([10, 98, 0, 1]);
const OTHER = Uint8Array.from([10, 98, 0, 2]);
const OTHER_LINK = Uint8Array.from([2, 0, 0, 0, 0, 2]);

function tapIn(pair: VethPair): Tap {
  using there = new DisposableStack();
  there.use(enterNamespace(pair.near));
  return openTap(NAME);
}

/** RFC 826: a request in the kernel's own frame, answered. */
function arpReply(request: Uint8Array): Uint8Array {
  const reply = new Uint8Array(42);
  reply.set(request.subarray(6, 12), 0);
  reply.set(OTHER_LINK, 6);
  // Hardware and protocol, their lengths, and operation 2.
  reply.set([8, 6, 0, 1, 8, 0, 6, 4, 0, 2], 12);
  reply.set([...OTHER_LINK, ...OTHER, ...request.subarray(22, 28), ...OWN], 22);
  return reply;
}

async function frame(tap: Tap, isWanted: (bytes: Uint8Array) => boolean): Promise<Uint8Array> {
  const room = new Uint8Array(2_048);
  for (let tries = 0; tries < 500; tries++) {
    for (let length; (length = tap.read(room)) > 0;)
      if (isWanted(room.subarray(0, length))) return room.slice(0, length);
    await sleep(10);
  }
  throw new Error("no such frame came within 5 s");
}

const isArpFor = (address: Uint8Array) => (bytes: Uint8Array) =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint16(12) === ETHERTYPE_ARP &&
  bytes.subarray(38, 42).every((octet, i) => octet === address[i]);

describe("a TAP device", () => {
  test("hands over what the kernel sends and takes in what is written", async () => {
    using pair = vethPair();
    using tap = tapIn(pair);
    pair.run(pair.near, "ip", "addr", "add", "10.98.0.1/24", "dev", NAME);
    pair.run(pair.near, "ip", "link", "set", NAME, "up");
    pair.start(pair.near, "ping", "-n", "-c", "3", "-i", "0.3", "10.98.0.2");

    const request = await frame(tap, isArpFor(OTHER));
    expect(request.length).toBeGreaterThanOrEqual(42);
    expect(tap.write(arpReply(request))).toBe(true);
    const echo = await frame(tap, (bytes) => bytes[12] === 8 && bytes[13] === 0 && bytes[23] === 1);

    expect(echo.subarray(0, 6)).toEqual(OTHER_LINK);
    expect(pair.run(pair.near, "ip", "neigh", "show", "10.98.0.2")).toContain("lladdr 02:00:00:00:00:02");
  });

  test("says so when the device is down", () => {
    using pair = vethPair();
    using tap = tapIn(pair);
    expect(tap.write(new Uint8Array(60))).toBe(false);
    expect(tap.read(new Uint8Array(60))).toBe(0);
  });

  test("tells when there is something to read", async () => {
    using pair = vethPair();
    using tap = tapIn(pair);
    const told = new Promise<void>((resolve) => tap.onReadable(resolve));
    pair.run(pair.near, "ip", "addr", "add", "10.98.0.1/24", "dev", NAME);
    pair.run(pair.near, "ip", "link", "set", NAME, "up");
    pair.start(pair.near, "ping", "-n", "-c", "1", "10.98.0.2");
    await told;
    expect(tap.read(new Uint8Array(2_048))).toBeGreaterThan(0);
  });

  test("is gone when it is let go, once and for all", () => {
    using pair = vethPair();
    const tap = tapIn(pair);
    expect(pair.run(pair.near, "ip", "-o", "link")).toContain(NAME);
    tap[Symbol.dispose]();
    tap[Symbol.dispose]();
    expect(pair.run(pair.near, "ip", "-o", "link")).not.toContain(NAME);
  });

  test("refuses a name that is too long or taken, with the errno", () => {
    expect(() => openTap("a-name-of-16-byt")).toThrow(/has more than 15 bytes/);
    using pair = vethPair();
    using tap = tapIn(pair);
    let refusal: unknown;
    try {
      tapIn(pair)[Symbol.dispose]();
    } catch (err) {
      refusal = err;
    }
    expect(refusal).toBeInstanceOf(KernelError);
    expect((refusal as KernelError).errno).toBe("EBUSY");
    expect(tap.read(new Uint8Array(60))).toBe(0);
  });
});
