import { spawn, type ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { dieWithParent } from "../agent-process.ts";
import { inNamespace, LabError, toolEnvironment } from "../machine.ts";
import { installLine, missingPrograms, PROGRAMS } from "../../scripts/programs.mjs";
import type { LabNode } from "../plan.ts";
import type { FaultSpec, Link, SoftnetEffect } from "./fault.ts";
import { MachineSettings, refuseBesideOthers } from "./machine-wide.ts";

/** A processor takes one packet, and comes back for the next when it has time. */
const ONE_AT_A_TIME = { netdev_budget: 1, dev_weight: 1 };
const SMALL: Readonly<Record<SoftnetEffect, Readonly<Record<string, number>>>> = {
  drops: { ...ONE_AT_A_TIME, netdev_max_backlog: 5 },
  // So long that nothing is dropped: it only waits.
  squeezes: { ...ONE_AT_A_TIME, netdev_max_backlog: 100_000 },
};
/** Each in fragments of full size. */
const PING_BYTES = 20_000;
/** What is sent at once keeps a processor busy for this long, whatever it can do, and leaves it time for others. */
const [BUSY_MS, EVERY_MS] = [2_000, 6_000];
/** Parts of packets that an earlier flood lost take the room of all large ones for 30 s (ipfrag_time); two seconds each. */
const PATIENCE = 20;
const [FEWEST_PINGS, MOST_PINGS] = [20, 20_000];

/**
 * As a machine whose processors do not keep up with what arrives: a flood, and queues that are too short for it or are
 * emptied too slowly. The queues and their settings are one for all network namespaces of the machine.
 */
export const softnet: FaultSpec<"softnet"> = {
  syntax: "softnet A->B drops|squeezes",
  summary: "flood a node while the machine's processors take one packet at a time: they drop the rest, or it waits",
  example: "softnet node-1->node-2 drops",
  affected: "",
  async inject({ links, effect, text }, { labId }) {
    if (missingPrograms(["ping"]).length > 0)
      throw new LabError(`this fault needs 'ping'. Install it: ${installLine([PROGRAMS.test.ping])}`);
    await refuseBesideOthers(text, labId, "the queues of its processors once");
    const flood = await Flood.measured(links[0]!);
    const settings = new MachineSettings("net/core", SMALL[effect]);
    try {
      settings.lay();
    } catch (err) {
      await settings.restore();
      throw new LabError(`'${text}': only the machine's own root may set net.core: ${(err as Error).message}`);
    }
    flood.start();
    return {
      counters: () => Promise.resolve(undefined),
      async end() {
        flood.stop();
        await settings.restore();
        return undefined;
      },
      // The namespaces go, and the settings are the machine's.
      abandon() {
        flood.stop();
        void settings.restore();
      },
    };
  },
};

/** Many pings at once, again and again. */
class Flood {
  readonly #link: Link;
  readonly #pings: number;
  readonly #stop = new AbortController();
  #child: ChildProcess | undefined;

  private constructor(link: Link, pings: number) {
    this.#link = link;
    this.#pings = pings;
  }

  static async measured({ from, to }: Link): Promise<Flood> {
    const ms = await roundTripMs(from, to);
    return new Flood({ from, to }, Math.min(MOST_PINGS, Math.max(FEWEST_PINGS, Math.round(BUSY_MS / ms))));
  }

  start(): void {
    void this.#again();
  }

  stop(): void {
    this.#stop.abort();
    this.#child?.kill("SIGKILL");
  }

  async #again(): Promise<void> {
    const { from, to } = this.#link;
    const count = String(this.#pings);
    const ping = ["ping", ...words(to), "-l", count, "-c", count, "-W", "1"];
    const [program, ...rest] = [...dieWithParent(), "ip", "netns", "exec", from.podNamespace, ...ping];
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const pause = sleep(EVERY_MS, undefined, { signal }).catch(() => {});
      this.#child = spawn(program!, rest, { env: toolEnvironment, stdio: "ignore" });
      await new Promise((resolve) => this.#child!.once("error", resolve).once("exit", resolve));
      await pause;
    }
  }
}

const words = (to: LabNode): string[] => ["-q", "-n", "-s", String(PING_BYTES), to.podAddresses[0]!];

async function roundTripMs(from: LabNode, to: LabNode): Promise<number> {
  const command = [...words(to), "-c", "5", "-i", "0.2", "-W", "1"];
  for (let tries = 0; ; tries++) {
    const told = await inNamespace(from.podNamespace, "ping", command).catch((err: unknown) => (err as Error).message);
    const ms = Number(/ = ([\d.]+)\//.exec(told)?.[1]);
    if (ms > 0) return ms;
    if (tries === PATIENCE) throw new LabError(`'ping' said no round-trip time: ${told.trim()}`);
  }
}
