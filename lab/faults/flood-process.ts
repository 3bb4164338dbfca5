// The process of the fault `softnet`: sends a node more than its processor can take. Runs in another node.
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { constants, setPriority } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { SoftnetEffect } from "./fault.ts";

/** Goes in fragments, by which the rules that are slow know it. */
const DATAGRAM = Buffer.alloc(29_000);
/** Nobody listens there. */
const DISCARD = 9;
/** For a quarter of the time many times what the rules let pass: longer would take the processor from others. */
const [BURST_MS, REST_MS, PAUSE_MS] = [100, 300, 1];
/** So many wait at least. */
const WAITING = 4;

const [address, effect] = process.argv.slice(2) as [string, SoftnetEffect];
const socket = createSocket("udp4");
const send = (): void => socket.send(DATAGRAM, DISCARD, address);

/** The queue is full for as long as a burst takes, however fast the processor is. */
async function overflow(): Promise<never> {
  for (;;) {
    const startedMs = performance.now();
    while (performance.now() < startedMs + BURST_MS) {
      send();
      await sleep(PAUSE_MS);
    }
    // As long as chance will have it: probes come at even times.
    await sleep(2 * REST_MS * Math.random());
  }
}

/** Two of these at once, and the queue is never empty nor full: each sends more when what it sent before has passed. */
async function keepWaiting(): Promise<never> {
  for (;;) {
    for (let sent = 0; sent < WAITING; sent++) send();
    await refusal();
  }
}

/** A kernel refuses a connection as soon as it sees it: after all that came before. */
function refusal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  connect(DISCARD, address)
    .on("error", () => {})
    .on("close", () => resolve());
  return promise;
}

// It takes little time, and is to have that when it is due.
setPriority(constants.priority.PRIORITY_HIGHEST);
await (effect === "drops" ? overflow() : Promise.all([keepWaiting(), keepWaiting()]));
