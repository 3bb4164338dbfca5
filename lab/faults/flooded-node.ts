import { spawn, type ChildProcess } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { dieWithParent } from "../agent-process.ts";
import { LabError, toolEnvironment, type Within } from "../machine.ts";
import type { SoftnetEffect } from "./fault.ts";
import { MachineSettings } from "./machine-wide.ts";

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

export interface FloodOptions {
  /** A node with its link at eth0, and its address there. */
  readonly node: { readonly within: Within; readonly address: string };
  /** Another one, which floods it. */
  readonly from: { readonly namespace: string; readonly address: string };
  /** All of the machine that may be touched, the node's own among them. */
  readonly networks: readonly Within[];
  readonly effect: SoftnetEffect;
  /** Of nftables, on the node. */
  readonly table: string;
}

/**
 * A node whose processor does not keep up with what arrives: a flood, and rules that take their time with each packet of it.
 * The node's link is one processor's work and all else another's, or all nodes would lose alike: the queues of processors are
 * one for all network namespaces of the machine.
 */
export class FloodedNode {
  readonly #options: FloodOptions;
  readonly #settings: MachineSettings;
  #flood: ChildProcess | undefined;

  constructor(options: FloodOptions) {
    this.#options = options;
    this.#settings = new MachineSettings("net/core", SETTINGS[options.effect]);
  }

  /** What it has laid when it fails is gone again. */
  async flood(): Promise<void> {
    const { node, from, networks, effect, table } = this.#options;
    try {
      this.#settings.lay();
      await node.within("nft", ["-f", "-"], { input: slowRules(table, from.address) });
      await Promise.all(networks.map((within) => steer(within, FIRST)));
      await node.within("sh", ["-ec", `echo ${SECOND} > /sys/class/net/eth0/queues/rx-0/rps_cpus`]);
    } catch (err) {
      await this.drain();
      throw new LabError(`only the machine's own root may set net.core and RPS: ${(err as Error).message}`);
    }
    const flood = [process.execPath, PROCESS, node.address, effect];
    const [program, ...rest] = [...dieWithParent(), "ip", "netns", "exec", from.namespace, ...flood];
    this.#flood = spawn(program!, rest, { env: toolEnvironment, stdio: "ignore" });
  }

  /** Never rejects: what it has laid may have gone with its network. */
  async drain(): Promise<void> {
    const { node, networks, table } = this.#options;
    this.#flood?.kill("SIGKILL");
    await this.#settings.restore();
    await Promise.all(networks.map((within) => steer(within, NONE).catch(() => "")));
    const rules = `table inet ${table}`;
    await node.within("nft", ["-f", "-"], { input: `${rules}\ndelete ${rules}\n` }).catch(() => "");
  }

  /** The namespaces go, and the settings are the machine's. */
  abandon(): void {
    this.#flood?.kill("SIGKILL");
    void this.#settings.restore();
  }
}

/**
 * Which processors take what interfaces receive (Receive Packet Steering). A runtime of containers has mounted a pod's /sys for
 * reading alone, and its containers go on seeing it so.
 */
const steer = (within: Within, processors: string): Promise<string> =>
  within("sh", [
    "-ec",
    `test -w /sys/class/net/lo/queues/rx-0/rps_cpus || mount -o remount,rw /sys
    for device in /sys/class/net/*; do echo ${processors} > $device/queues/rx-0/rps_cpus; done`,
  ]);

/** Before connections are tracked, which would put the fragments together. */
function slowRules(table: string, from: string): string {
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
    ip saddr ${from} ip frag-off & 0x3fff != 0 jump thousands
  }
}`;
}
