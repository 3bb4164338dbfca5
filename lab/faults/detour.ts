// Faults that need packets to be held: the links they are on lead through a TAP device in the fabric's namespace, whose
// process delays, reorders, doubles and damages. One device and one process a lab, there while a fault needs them.
import { fileURLToPath } from "node:url";
import type { Network } from "../../agent/model/peer.ts";
import { inNamespace, run } from "../machine.ts";
import { UNDERLAY_MTU, underlayMac, type LabNode, type LabPaths } from "../plan.ts";
import { DETOUR_DEVICE, type ToDetour } from "./detour-messages.ts";
import type { InForce, Link } from "./fault.ts";
import { FaultProcess, type Counters } from "./fault-process.ts";
import type { DetourFault, Effect } from "./frame-queue.ts";
import { bySource, chain, matches } from "./packet-rules.ts";

export interface DetourRequest {
  readonly id: number;
  readonly links: readonly Link[];
  readonly on: readonly Network[];
  readonly effect: Effect;
}

/** Where frames of the underlay go. */
interface Ends {
  readonly nodes: readonly LabNode[];
  readonly paths: LabPaths | undefined;
}

export interface DetourOptions extends Ends {
  readonly fabricNamespace: string;
}

const PROCESS = fileURLToPath(new URL("detour-process.ts", import.meta.url));
const TABLE = "detour";
/** After the faults that drop: what is lost is not delayed as well. */
const PRIORITY = 10;

export class Detour {
  readonly #options: DetourOptions;
  readonly #requests = new Map<number, DetourRequest>();
  #child: FaultProcess<ToDetour> | undefined;

  constructor(options: DetourOptions) {
    this.#options = options;
  }

  async add(request: DetourRequest): Promise<InForce> {
    this.#requests.set(request.id, request);
    try {
      await this.#apply();
    } catch (err) {
      this.#requests.delete(request.id);
      throw err;
    }
    return {
      counters: async () => (await this.#child?.ask({ type: "counters" }))?.[request.id],
      end: async () => {
        this.#requests.delete(request.id);
        return (await this.#apply())[request.id];
      },
    };
  }

  /** Bring process and rules into line with the faults asked for. Returns the counters of all, those that ended with it included. */
  async #apply(): Promise<Counters> {
    const requests = [...this.#requests.values()];
    if (requests.length === 0) return this.#close();
    this.#child ??= await this.#start();
    const counters = await this.#child.ask({ type: "faults", faults: requests.map(toldToProcess) });
    await this.#setRules(detourRuleset(requests, this.#options));
    return counters;
  }

  async #start(): Promise<FaultProcess<ToDetour>> {
    const { fabricNamespace } = this.#options;
    const child = await FaultProcess.start<ToDetour>({
      namespace: fabricNamespace,
      file: PROCESS,
      what: "delays packets",
    });
    try {
      await run("ip", [
        "-n",
        fabricNamespace,
        "link",
        "set",
        DETOUR_DEVICE,
        "mtu",
        String(UNDERLAY_MTU),
        "txqueuelen",
        "10000",
        "up",
      ]);
    } catch (err) {
      await child.end();
      throw err;
    }
    return child;
  }

  /** Replaced as a whole, in one transaction. */
  async #setRules(ruleset: string): Promise<void> {
    const forget = `table netdev ${TABLE}\ndelete table netdev ${TABLE}\n`;
    await inNamespace(this.#options.fabricNamespace, "nft", ["-f", "-"], { input: forget + ruleset });
  }

  /** First no more frames in, then those inside out, then the process. */
  async #close(): Promise<Counters> {
    const child = this.#child;
    if (!child) return {};
    this.#child = undefined;
    await this.#setRules(returnRuleset(this.#options));
    // A process that has died can no longer say what it did.
    const counters = await child.ask({ type: "flush" }).catch(() => ({}));
    await child.end();
    await this.#setRules("");
    return counters;
  }

  /** End the process; rules and device go with the namespace. */
  async abandon(): Promise<void> {
    await this.#child?.end();
  }
}

const toldToProcess = ({ id, links, on, effect }: DetourRequest): DetourFault => ({
  id,
  links: links.map(({ from, to }) => `${from.number}>${to.number}`),
  on,
  effect,
});

/** Diverted: each link of each fault on the fault's networks, and no more. Back: to the port of whom the frame is for. */
function detourRuleset(requests: readonly DetourRequest[], ends: Ends): string {
  const { nodes } = ends;
  const divert = nodes.flatMap((node) => {
    const rules = requests.flatMap(({ links, on }) =>
      bySource(links).flatMap(([from, tos]) => (from === node ? divertRules({ from, tos, on }) : [])),
    );
    // Two faults on a link say the same: once is enough, and the second would never be reached.
    return rules.length > 0 ? [chain({ port: node.port, priority: PRIORITY, rules: [...new Set(rules)] })] : [];
  });
  return `table netdev ${TABLE} {\n${[...divert, returnChain(ends)].join("\n")}\n}\n`;
}

function divertRules({ from, tos, on }: { from: LabNode; tos: readonly LabNode[]; on: readonly Network[] }): string[] {
  const forward = `fwd to "${DETOUR_DEVICE}"`;
  return tos.flatMap((to) => {
    const { vxlan, v4, v6 } = matches(from, [to]);
    const node = v6 === undefined ? [] : [`${v6} ${forward}`];
    if (!on.includes("node")) return [`${vxlan} ${forward}`];
    if (on.includes("pod")) return [`${v4} ${forward}`, ...node];
    return [`${v4} ip protocol != udp ${forward}`, `${v4} udp dport != 8472 ${forward}`, ...node];
  });
}

const returnRuleset = (ends: Ends): string => `table netdev ${TABLE} {\n${returnChain(ends)}\n}\n`;

function returnChain({ nodes, paths }: Ends): string {
  const ends = [
    ...nodes.map(({ port, number }) => ({ port, mac: underlayMac(number) })),
    ...(paths ? [paths.leaf] : []),
  ];
  const rules = ends.map(({ port, mac }) => `ether daddr ${mac} fwd to "${port}"`);
  return chain({ port: DETOUR_DEVICE, priority: PRIORITY, rules: [...rules, "drop"] });
}
