import { setTimeout as sleep } from "node:timers/promises";
import { inNamespace, LabError, ToolError } from "../machine.ts";
import { missingPrograms, installLine, PROGRAMS } from "../../scripts/programs.mjs";
import type { FaultSpec } from "./fault.ts";

/** What is free again is taken again this often. */
const AGAIN_MS = 500;
const FLOWS_AT_ONCE = 50_000;
/** More than is freed in that time. */
const AGAIN_FLOWS = 2_000;
const PORTS = 65_535;
/** Nobody has it: the range of benchmarks (RFC 2544). */
const NOBODY = "198.19.0.1";

/**
 * As a node that has seen too many connections: it drops the first packet of every new one, those it knows go on. The kernel's
 * limit is the same for all namespaces and only the machine's own may change it, so the table is really filled: with
 * 262,144 entries that takes 100 MB of kernel memory.
 */
export const conntrackFull: FaultSpec<"conntrack-full"> = {
  syntax: "conntrack-full NODE",
  summary: "fill a node's connection tracking table: it drops what begins a new connection",
  example: "conntrack-full node-2",
  affected: "",
  async inject({ nodes }) {
    if (missingPrograms(["conntrack"]).length > 0)
      throw new LabError(`this fault needs 'conntrack'. Install it: ${installLine([PROGRAMS.test.conntrack])}`);
    const tables = nodes.map(({ nodeNamespace }) => new FullTable(nodeNamespace));
    try {
      for (const table of tables) await table.fill();
    } catch (err) {
      await Promise.all(tables.map((table) => table.empty()));
      throw err;
    }
    return {
      counters: () => Promise.resolve(undefined),
      async end() {
        await Promise.all(tables.map((table) => table.empty()));
        return undefined;
      },
      abandon: () => void tables.map((table) => table.stop()),
    };
  },
};

/** Of the network namespace of a node. */
export class FullTable {
  readonly #namespace: string;
  readonly #stop = new AbortController();
  #flows = 0;
  #refilling: Promise<void> = Promise.resolve();

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  async fill(): Promise<void> {
    while (!(await this.#isFullAfter(FLOWS_AT_ONCE)));
    this.#refilling = this.#refill();
  }

  stop(): void {
    this.#stop.abort();
  }

  async empty(): Promise<void> {
    this.stop();
    await this.#refilling;
    // It prints what it deletes; with nothing to delete it fails.
    await inNamespace(this.#namespace, "sh", ["-c", `conntrack -D -p tcp -d ${NOBODY} > /dev/null 2>&1 || true`]);
  }

  /** Entries expire, and the room of each would let a new connection in. */
  async #refill(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await sleep(AGAIN_MS, undefined, { signal }).catch(() => {});
      // When the lab is removed its namespace is gone.
      if (!signal.aborted) await this.#isFullAfter(AGAIN_FLOWS).catch(() => {});
    }
  }

  /** False when all the flows were taken: there may be room for more. */
  async #isFullAfter(flows: number): Promise<boolean> {
    const lines = Array.from({ length: flows }, () => newFlow(this.#flows++));
    try {
      // It opens its input by name, which can be done with a pipe and not with the socket that Node.js gives it.
      await inNamespace(this.#namespace, "sh", ["-c", "cat | conntrack -R -"], { input: lines.join("") });
      return false;
    } catch (err) {
      if (err instanceof ToolError && err.words.includes("not enough memory")) return true;
      throw err;
    }
  }
}

/** One that the kernel does not give up for another's sake: established, seen both ways. */
function newFlow(number: number): string {
  const host = Math.floor(number / PORTS);
  const from = `198.18.${(host >> 8) & 0xff}.${host & 0xff}`;
  return `-I -p tcp -s ${from} -d ${NOBODY} --sport ${1 + (number % PORTS)} --dport 9 --state ESTABLISHED -u ASSURED,SEEN_REPLY -t 86400\n`;
}
