import { run } from "../machine.ts";
import type { FaultSpec } from "./fault.ts";

/** As if the machine had no power: no link, no agent. Its neighbours' ARP fails after a while, as it does then. */
export const kill: FaultSpec<"kill"> = {
  syntax: "kill NODE",
  summary: "cut a node's link and end its agent",
  example: "kill node-6",
  affected: "",
  inject: async ({ nodes }, context) => {
    const hadAgent = nodes.filter((node) => context.agent(node).pid !== undefined);
    const setLinks = (state: "up" | "down"): Promise<string> =>
      run("ip", ["-n", context.fabricNamespace, "-batch", "-"], {
        input: nodes.map((node) => `link set ${node.port} ${state}\n`).join(""),
      });
    await setLinks("down");
    await Promise.all(nodes.map((node) => context.agent(node).kill()));
    return {
      counters: () => Promise.resolve(undefined),
      async end() {
        await setLinks("up");
        await Promise.all(hadAgent.map((node) => context.agent(node).start()));
        return undefined;
      },
    };
  },
};
