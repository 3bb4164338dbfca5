import { limitCpu } from "../cpu-quota.ts";
import { LabError } from "../machine.ts";
import type { FaultSpec } from "./fault.ts";

/** The agent gets this share of one core, as a CPU limit in a pod's specification does. */
export const starve: FaultSpec<"starve"> = {
  syntax: "starve NODE PERCENT",
  summary: "give a node's agent a small share of one core",
  example: "starve node-1 5%",
  affected: "",
  inject: async ({ nodes, ratio }, context) => {
    const quotas: AsyncDisposable[] = [];
    const end = async (): Promise<undefined> => {
      await Promise.all(quotas.splice(0).map((quota) => quota[Symbol.asyncDispose]()));
    };
    try {
      for (const node of nodes) {
        const { pid } = context.agent(node);
        if (pid === undefined) throw new LabError(`the agent of ${node.name} does not run, so it cannot be starved`);
        quotas.push(await limitCpu({ labId: context.labId, name: `${node.name}-${context.id}`, pid, ratio }));
      }
    } catch (err) {
      await end();
      throw err;
    }
    return { counters: () => Promise.resolve(undefined), end };
  },
};
