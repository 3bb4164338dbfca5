import { LabError } from "../machine.ts";
import type { FaultSpec } from "./fault.ts";

/** The process stands still; the node's kernel goes on answering pings and accepting handshakes. */
export const freeze: FaultSpec<"freeze"> = {
  syntax: "freeze NODE",
  summary: "stop a node's agent where it stands (SIGSTOP)",
  example: "freeze node-3",
  affected: "",
  inject: (fault, context) => {
    const agents = fault.nodes.map((node) => context.agent(node));
    const absent = fault.nodes.find((node) => context.agent(node).pid === undefined);
    if (absent) return Promise.reject(new LabError(`the agent of ${absent.name} does not run, so it cannot be frozen`));
    for (const agent of agents) agent.freeze();
    return Promise.resolve({
      counters: () => Promise.resolve(undefined),
      end() {
        for (const agent of agents) agent.thaw();
        return Promise.resolve(undefined);
      },
    });
  },
};
