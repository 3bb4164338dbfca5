import { isIPv4 } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { LabError, run } from "../machine.ts";
import type { FaultSpec, Link } from "./fault.ts";
import { KeptNeighbours } from "./kept-neighbours.ts";
import { refuseBesideOthers } from "./machine-wide.ts";

/** The kernel gives up for others what has not changed for 5 s (neigh_forced_gc): what changes more often it keeps. */
const CHANGE_EVERY_MS = 1_000;
const CHANGED = ["02:00:00:00:09:09", "02:00:00:00:09:0a"] as const;
/** Nobody has these: the range of benchmarks (RFC 2544). */
const NOBODY = "198.18.0.0/15";
/** Between forgetting a neighbour and taking its room the node may have learnt it again. */
const TRIES = 10;

/**
 * As a node of a network with more neighbours than its kernel keeps: whom it has not talked to for a moment it cannot reach
 * any more. The table, its limit and its count are one for all network namespaces of the machine.
 */
export const neighboursFull: FaultSpec<"neighbours-full"> = {
  syntax: "neighbours-full A->B",
  summary: "fill the kernel's neighbour table and forget B: it is not learnt again, on either network",
  example: "neighbours-full node-1->node-2",
  affected: "",
  async inject({ links, text }, { labId }) {
    await refuseBesideOthers(text, labId, "one neighbour table");
    const kept = new KeptNeighbours(labId);
    const fillers = [...Map.groupBy(links, ({ from }) => from).values()].map((of) => new Filler(of));
    const end = async () => {
      for (const filler of fillers) await filler.end();
      await kept.release();
    };
    try {
      await kept.keep();
      for (const filler of fillers) await filler.begin(text);
    } catch (err) {
      await end();
      throw err;
    }
    return {
      counters: () => Promise.resolve(undefined),
      async end() {
        await end();
        return undefined;
      },
      // The lab's namespaces go; that of this process stays.
      abandon() {
        for (const filler of fillers) filler.stop();
        void kept.release();
      },
    };
  },
};

class Filler {
  readonly #inside: readonly string[];
  readonly #forgotten: readonly string[];
  readonly #stop = new AbortController();
  #filling: Promise<void> = Promise.resolve();
  #count = 0;
  #turn = 0;

  /** All from one node. */
  constructor(links: readonly Link[]) {
    this.#inside = ["-n", links[0]!.from.nodeNamespace];
    this.#forgotten = links.flatMap(({ to }) => to.nodeAddresses.filter((address) => isIPv4(address)));
  }

  async begin(text: string): Promise<void> {
    // More than there is room for: the kernel refuses the last, where `ip` ends.
    this.#count = (await this.#limit()) + 1;
    await this.#fill();
    for (let tries = 0; await this.#isKnown(); tries++) {
      if (tries === TRIES)
        throw new LabError(`'${text}': the node learns again what it is to forget; is the machine very busy?`);
      await this.#forget();
    }
    this.#filling = this.#fillAgain();
  }

  stop(): void {
    this.#stop.abort();
  }

  async end(): Promise<void> {
    this.stop();
    await this.#filling;
    await run("ip", [...this.#inside, "neighbour", "flush", "to", NOBODY]).catch(() => "");
  }

  /** Of a namespace too, `ip ntable` tells the limit that holds for all. */
  async #limit(): Promise<number> {
    const told = await run("ip", [...this.#inside, "ntable", "show", "name", "arp_cache"]);
    return Number(/thresh3 (\d+)/.exec(told)?.[1] ?? 1_024);
  }

  async #isKnown(): Promise<boolean> {
    const told = await Promise.all(
      this.#forgotten.map((address) => run("ip", [...this.#inside, "neighbour", "show", "to", address])),
    );
    return told.some((line) => line.includes("lladdr"));
  }

  /** And takes the room that this makes. */
  async #forget(): Promise<void> {
    for (const address of this.#forgotten)
      await run("ip", [...this.#inside, "neighbour", "del", address, "dev", "eth0"]).catch(() => "");
    await this.#fill();
  }

  async #fill(): Promise<void> {
    const changed = CHANGED[this.#turn++ % CHANGED.length]!;
    const lines = Array.from({ length: this.#count }, (_, i) => {
      const address = `198.${18 + (i >> 16)}.${(i >> 8) & 0xff}.${i & 0xff}`;
      return `neighbour replace ${address} lladdr ${changed} dev eth0 nud reachable\n`;
    });
    await run("ip", [...this.#inside, "-batch", "-"], { input: lines.join("") }).catch(() => "");
  }

  async #fillAgain(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await sleep(CHANGE_EVERY_MS, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      await this.#fill();
      // Where the machine was too busy for this, there was room meanwhile.
      if (await this.#isKnown().catch(() => false)) await this.#forget();
    }
  }
}
