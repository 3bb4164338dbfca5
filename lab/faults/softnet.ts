import { listNamespaces, LabError, withinOf } from "../machine.ts";
import { isOfLab } from "../plan.ts";
import type { FaultSpec } from "./fault.ts";
import { FloodedNode } from "./flooded-node.ts";
import { refuseBesideOthers } from "./machine-wide.ts";

/** As a node whose processor does not keep up with what arrives. */
export const softnet: FaultSpec<"softnet"> = {
  syntax: "softnet A->B drops|squeezes",
  summary: "flood a node whose processor does not keep up: it drops what finds no room in its queue, or all waits",
  example: "softnet node-1->node-2 drops",
  affected: "",
  async inject({ links, effect, text }, { id, labId }) {
    await refuseBesideOthers(text, labId, "the queues of its processors once");
    const { from, to } = links[0]!;
    const names = (await listNamespaces()).filter((name) => isOfLab(name, labId));
    const node = new FloodedNode({
      node: { within: withinOf(to.nodeNamespace), address: to.nodeAddresses[0]! },
      from: { namespace: from.nodeNamespace, address: from.nodeAddresses[0]! },
      networks: names.map(withinOf),
      effect,
      table: `softnet${id}`,
    });
    await node.flood().catch((err: Error) => {
      throw new LabError(`'${text}': ${err.message}`);
    });
    return {
      counters: () => Promise.resolve(undefined),
      async end() {
        await node.drain();
        return undefined;
      },
      abandon: () => node.abandon(),
    };
  },
};
