import { setTimeout as sleep } from "node:timers/promises";
import { LabError, type Within } from "../machine.ts";
import { KeptNeighbours } from "./kept-neighbours.ts";

/** The kernel gives up for others what has not changed for 5 s (neigh_forced_gc): what changes more often it keeps. */
const CHANGE_EVERY_MS = 1_000;
const CHANGED = ["02:00:00:00:09:09", "02:00:00:00:09:0a"] as const;
/** Nobody has these: the range of benchmarks (RFC 2544). */
const NOBODY = "198.18.0.0/15";
/** Between forgetting a neighbour and taking its room the node may have learnt it again. */
const TRIES = 10;

/** A node, and the IPv4 neighbours at its eth0 that it is to forget. */
export interface Forgetful {
  readonly within: Within;
  readonly forgotten: readonly string[];
}

/**
 * The neighbour table of the machine, kept full by its nodes. The table, its limit and its count are one for all network
 * namespaces: `networks` are those that keep the neighbours they have, the nodes' own among them.
 */
export class FullNeighbours {
  readonly #kept: KeptNeighbours;
  readonly #fillers: readonly Filler[];

  constructor(nodes: readonly Forgetful[], networks: readonly Within[]) {
    this.#kept = new KeptNeighbours(networks);
    this.#fillers = nodes.map((node) => new Filler(node));
  }

  /** What it has laid when it fails is gone again. */
  async fill(): Promise<void> {
    try {
      await this.#kept.keep();
      for (const filler of this.#fillers) await filler.begin();
    } catch (err) {
      await this.empty();
      throw err;
    }
  }

  async empty(): Promise<void> {
    for (const filler of this.#fillers) await filler.end();
    await this.#kept.release();
  }

  /** The namespaces go; that of this process stays. */
  abandon(): void {
    for (const filler of this.#fillers) filler.stop();
    void this.#kept.release();
  }
}

class Filler {
  readonly #within: Within;
  readonly #forgotten: readonly string[];
  readonly #stop = new AbortController();
  #filling: Promise<void> = Promise.resolve();
  #count = 0;
  #turn = 0;

  constructor({ within, forgotten }: Forgetful) {
    this.#within = within;
    this.#forgotten = forgotten;
  }

  async begin(): Promise<void> {
    // More than there is room for: the kernel refuses the last, where `ip` ends.
    this.#count = (await this.#limit()) + 1;
    await this.#fill();
    for (let tries = 0; await this.#isKnown(); tries++) {
      if (tries === TRIES)
        throw new LabError(
          `the node learns ${this.#forgotten.join(" and ")} again, which it is to forget; is the machine very busy?`,
        );
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
    await this.#within("ip", ["neighbour", "flush", "to", NOBODY]).catch(() => "");
  }

  /** Of a namespace too, `ip ntable` tells the limit that holds for all. */
  async #limit(): Promise<number> {
    const told = await this.#within("ip", ["ntable", "show", "name", "arp_cache"]);
    return Number(/thresh3 (\d+)/.exec(told)?.[1] ?? 1_024);
  }

  async #isKnown(): Promise<boolean> {
    const told = await Promise.all(
      this.#forgotten.map((address) => this.#within("ip", ["neighbour", "show", "to", address])),
    );
    return told.some((line) => line.includes("lladdr"));
  }

  /** And takes the room that this makes. */
  async #forget(): Promise<void> {
    for (const address of this.#forgotten)
      await this.#within("ip", ["neighbour", "del", address, "dev", "eth0"]).catch(() => "");
    await this.#fill();
  }

  async #fill(): Promise<void> {
    const changed = CHANGED[this.#turn++ % CHANGED.length]!;
    const lines = Array.from({ length: this.#count }, (_, i) => {
      const address = `198.${18 + (i >> 16)}.${(i >> 8) & 0xff}.${i & 0xff}`;
      return `neighbour replace ${address} lladdr ${changed} dev eth0 nud reachable\n`;
    });
    await this.#within("ip", ["-batch", "-"], { input: lines.join("") }).catch(() => "");
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
