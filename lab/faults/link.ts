// A node's own link to the others made narrower, in a way that its kernel knows of and tells.
import { LabError, run } from "../machine.ts";
import { installLine, missingPrograms, PROGRAMS } from "../../scripts/programs.mjs";
import { UNDERLAY_MTU, type LabNode } from "../plan.ts";
import type { FaultSpec, InForce } from "./fault.ts";

/** What is sent at once: a packet of full size with its header must fit, or none passes. */
const BURST_BYTES = 2_000;
/** Two packets of full size. */
const QUEUE_BYTES = 3_100;

/** What `tc` is to put in front of an interface. */
export const shortQueue = (bitsPerSecond: number): string =>
  `root tbf rate ${bitsPerSecond}bit burst ${BURST_BYTES} limit ${QUEUE_BYTES}`;

/** As where a shaper, a slow uplink or a bandwidth limit of a cloud drops what its queue has no room for. */
export const throttle: FaultSpec<"throttle"> = {
  syntax: "throttle NODE RATE",
  summary: "let a node send so much a second, and drop what a short queue has no room for",
  example: "throttle node-2 64kbit",
  affected: "",
  inject({ nodes, bitsPerSecond }) {
    if (missingPrograms(["tc"]).length > 0)
      throw new LabError(`this fault needs 'tc'. Install it: ${installLine([PROGRAMS.start.ip])}`);
    return onLinks(nodes, {
      program: "tc",
      begin: `qdisc add dev eth0 ${shortQueue(bitsPerSecond)}`,
      end: `qdisc del dev eth0 root`,
    });
  },
};

/** As after a link was laid anew without the MTU of its peers: what they send in full size does not arrive. */
export const linkMtu: FaultSpec<"link-mtu"> = {
  syntax: "link-mtu NODE BYTES",
  summary: "give a node's link a smaller MTU than its peers have",
  example: "link-mtu node-3 1400",
  affected: "",
  inject: ({ nodes, bytes }) =>
    onLinks(nodes, {
      program: "ip",
      begin: `link set eth0 mtu ${bytes}`,
      end: `link set eth0 mtu ${UNDERLAY_MTU}`,
    }),
};

interface Commands {
  readonly program: "ip" | "tc";
  readonly begin: string;
  readonly end: string;
}

async function onLinks(nodes: readonly LabNode[], { program, begin, end }: Commands): Promise<InForce> {
  const done: LabNode[] = [];
  const undo = async (): Promise<void> => {
    for (const { nodeNamespace } of done.splice(0)) await run(program, ["-n", nodeNamespace, ...end.split(" ")]);
  };
  try {
    for (const node of nodes) {
      await run(program, ["-n", node.nodeNamespace, ...begin.split(" ")]);
      done.push(node);
    }
  } catch (err) {
    await undo();
    throw err;
  }
  return {
    counters: () => Promise.resolve(undefined),
    async end() {
      await undo();
      return undefined;
    },
  };
}
