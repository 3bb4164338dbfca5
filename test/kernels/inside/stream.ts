// A stream of numbered datagrams from one namespace to another, and what became of it by the receiving kernel's own stamps.
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../../agent/kernel/clock.ts";
import { drainQueue } from "../../../agent/kernel/drain.ts";
import { openLinuxKernel } from "../../../agent/kernel/linux.ts";
import { enterNamespace } from "../../support/enter-namespace.ts";
import { SLOWER_BY } from "../../support/slower.ts";

const PORT = 7_900;
const PACKET_BYTES = 200;
/** Nothing here is held for longer. */
const STRAGGLERS_MS = 1_500 * SLOWER_BY;

export interface Stream {
  readonly lost: number;
  readonly doubled: number;
  /** Came after one that was sent later (RFC 4737). */
  readonly overtaken: number;
  /** One way, the middle one of all that came. */
  readonly delayMs: number;
  /** Of the later half of all that came: what a full queue lets through. */
  readonly arrivalsPerSecond: number;
}

export interface StreamOptions {
  readonly from: string;
  readonly to: { readonly namespace: string; readonly address: string };
  readonly count: number;
  readonly periodMs: number;
}

export async function stream({ from, to, count, periodMs }: StreamOptions): Promise<Stream> {
  const clock = systemClock();
  const kernel = openLinuxKernel(clock);
  const open = (namespace: string, port: number) => {
    using inside = enterNamespace(namespace);
    void inside;
    return kernel.openUdp({ family: "ipv4", port });
  };
  using sender = open(from, 0);
  using receiver = open(to.namespace, PORT);
  const address = kernel.socketAddress(to.address, PORT);
  const out = kernel.createBatch(1, PACKET_BYTES);
  const errors = kernel.createBatch(32, 2 * PACKET_BYTES);
  const arrivals = kernel.createBatch(32, PACKET_BYTES);
  const sentNs: number[] = [];
  const came: { readonly number: number; readonly atNs: number }[] = [];
  const drain = () => {
    drainQueue(
      errors,
      (batch) => sender.receiveErrors(batch),
      () => {},
    );
    drainQueue(
      arrivals,
      (batch) => receiver.receive(batch),
      (batch, i) => {
        const bytes = batch.bytes(i);
        const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
        came.push({ number, atNs: batch.stampNs(i) });
      },
    );
  };
  for (let number = 0; number < count; number++) {
    const room = out.room(0);
    new DataView(room.buffer, room.byteOffset).setUint32(0, number);
    out.prepare(0, PACKET_BYTES, address);
    sentNs.push(clock.realtimeNs());
    const sent = sender.send(out, 0, 1);
    if (sent !== 1) throw new Error(`packet ${number} was not sent: ${kernel.errnoName(sent)}`);
    await sleep(periodMs);
    drain();
  }
  const endMs = performance.now() + STRAGGLERS_MS;
  do {
    await sleep(10);
    drain();
  } while (performance.now() < endMs);
  const first = came.filter(({ number }, i) => came.findIndex((other) => other.number === number) === i);
  const delaysNs = first.map(({ number, atNs }) => atNs - sentNs[number]!).sort((a, b) => a - b);
  const later = first.map(({ atNs }) => atNs).slice(Math.floor(first.length / 2));
  let newest = -1;
  let overtaken = 0;
  for (const { number } of first) {
    if (number < newest) overtaken++;
    newest = Math.max(newest, number);
  }
  return {
    lost: count - first.length,
    doubled: came.length - first.length,
    overtaken,
    delayMs: delaysNs[Math.floor(delaysNs.length / 2)]! / 1e6,
    arrivalsPerSecond: ((later.length - 1) * 1e9) / (later.at(-1)! - later[0]!),
  };
}
