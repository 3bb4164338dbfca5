import { spawn, type ChildProcess } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { dieWithParent } from "../agent-process.ts";
import { inNamespace, LabError, listNamespaces, toolEnvironment } from "../machine.ts";
import { isOfLab, type LabNode } from "../plan.ts";
import type { FaultSpec, Link, SoftnetEffect } from "./fault.ts";
import { MachineSettings, refuseBesideOthers } from "./machine-wide.ts";

const PROCESS = fileURLToPath(new URL("flood-process.ts", import.meta.url));
const SETTINGS: Readonly<Record<SoftnetEffect, Readonly<Record<string, number>>>> = {
  drops: { netdev_max_backlog: 50 },
  // Nothing is dropped, and after each packet a processor that has more to take is out of time.
  squeezes: { netdev_max_backlog: 100_000, netdev_budget: 1, dev_weight: 1 },
};
/** Masks of processors (rps_cpus). */
const [NONE, FIRST] = ["0", "1"];
const SECOND = cpus().length > 1 ? "2" : FIRST;
/** A packet of the flood is compared with their product of addresses: half a millisecond. */
const [RULES, JUMPS, TIMES] = [32, 32, 32];

/**
 * As a node whose processor does not keep up with what arrives: a flood, and rules that take their time with each packet of it.
 * The node's link is one processor's work and all else in the lab another's, or all nodes would lose alike. The queues of
 * processors are one for all network namespaces of the machine.
 */
export const softnet: FaultSpec<"softnet"> = {
  syntax: "softnet A->B drops|squeezes",
  summary: "flood a node whose processor does not keep up: it drops what finds no room in its queue, or all waits",
  example: "softnet node-1->node-2 drops",
  affected: "",
  async inject({ links, effect, text }, { id, labId }) {
    await refuseBesideOthers(text, labId, "the queues of its processors once");
    const link = links[0]!;
    const node = new SlowNode(link, { table: `softnet${id}`, labId });
    const settings = new MachineSettings("net/core", SETTINGS[effect]);
    const restore = async (): Promise<void> => {
      await settings.restore();
      await node.restore();
    };
    try {
      settings.lay();
      await node.slowDown();
    } catch (err) {
      await restore();
      throw new LabError(`'${text}': only the machine's own root may set net.core and RPS: ${(err as Error).message}`);
    }
    const flood = startFlood(link, effect);
    return {
      counters: () => Promise.resolve(undefined),
      async end() {
        flood.kill("SIGKILL");
        await restore();
        return undefined;
      },
      // The namespaces go, and the settings are the machine's.
      abandon() {
        flood.kill("SIGKILL");
        void settings.restore();
      },
    };
  },
};

function startFlood({ from, to }: Link, effect: SoftnetEffect): ChildProcess {
  const flood = [process.execPath, PROCESS, to.nodeAddresses[0]!, effect];
  const [program, ...rest] = [...dieWithParent(), "ip", "netns", "exec", from.nodeNamespace, ...flood];
  return spawn(program!, rest, { env: toolEnvironment, stdio: "ignore" });
}

interface SlowNodeOptions {
  readonly table: string;
  readonly labId: string;
}

/** The one that is flooded. */
class SlowNode {
  readonly #link: Link;
  readonly #options: SlowNodeOptions;

  constructor(link: Link, options: SlowNodeOptions) {
    this.#link = link;
    this.#options = options;
  }

  async slowDown(): Promise<void> {
    await this.#nft(slowRules(this.#options.table, this.#link.from));
    await this.#steer(FIRST, SECOND);
  }

  async restore(): Promise<void> {
    await this.#steer(NONE, NONE);
    const table = `table inet ${this.#options.table}`;
    await this.#nft(`${table}\ndelete ${table}\n`);
  }

  async #nft(input: string): Promise<void> {
    await inNamespace(this.#link.to.nodeNamespace, "nft", ["-f", "-"], { input });
  }

  /** Which processors take what interfaces receive (Receive Packet Steering). */
  async #steer(most: string, ofItsLink: string): Promise<void> {
    const { nodeNamespace } = this.#link.to;
    const all = (await listNamespaces()).filter((name) => isOfLab(name, this.#options.labId));
    const script = [
      `for device in /sys/class/net/*; do echo ${most} > $device/queues/rx-0/rps_cpus; done`,
      `echo ${ofItsLink} > /sys/class/net/eth0/queues/rx-0/rps_cpus`,
    ];
    const linesOf = (name: string) => script.slice(0, name === nodeNamespace ? 2 : 1).join("\n");
    await Promise.all(all.map((name) => inNamespace(name, "sh", ["-ec", linesOf(name)])));
  }
}

/** Before connections are tracked, which would put the fragments together. */
function slowRules(table: string, { nodeAddresses }: LabNode): string {
  const lines = (count: number, line: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => line(i)).join("\n    ");
  return `table inet ${table} {
  chain tens {
    ${lines(RULES, (i) => `ip saddr 198.18.0.${i} drop`)}
  }
  chain hundreds {
    ${lines(JUMPS, () => "jump tens")}
  }
  chain thousands {
    ${lines(TIMES, () => "jump hundreds")}
    drop
  }
  chain prerouting {
    type filter hook prerouting priority -450
    ip saddr ${nodeAddresses[0]!} ip frag-off & 0x3fff != 0 jump thousands
  }
}`;
}
