import { isIPv4 } from "node:net";
import { listNamespaces, withinOf } from "../machine.ts";
import { isOfLab } from "../plan.ts";
import type { FaultSpec } from "./fault.ts";
import { FullNeighbours } from "./full-neighbours.ts";
import { refuseBesideOthers } from "./machine-wide.ts";

/**
 * As a node of a network with more neighbours than its kernel keeps: whom it has not talked to for a moment it cannot reach
 * any more.
 */
export const neighboursFull: FaultSpec<"neighbours-full"> = {
  syntax: "neighbours-full A->B",
  summary: "fill the kernel's neighbour table and forget B: it is not learnt again, on either network",
  example: "neighbours-full node-1->node-2",
  affected: "",
  async inject({ links, text }, { labId }) {
    await refuseBesideOthers(text, labId, "one neighbour table");
    const nodes = [...Map.groupBy(links, ({ from }) => from)].map(([{ nodeNamespace }, of]) => ({
      within: withinOf(nodeNamespace),
      forgotten: of.flatMap(({ to }) => to.nodeAddresses.filter((address) => isIPv4(address))),
    }));
    const names = (await listNamespaces()).filter((name) => isOfLab(name, labId));
    const table = new FullNeighbours(nodes, names.map(withinOf));
    await table.fill();
    return {
      counters: () => Promise.resolve(undefined),
      async end() {
        await table.empty();
        return undefined;
      },
      abandon: () => table.abandon(),
    };
  },
};
