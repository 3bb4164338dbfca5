// The commands of the agent's image: the agent itself with its configuration, and what asks it.
import { CLIENT_COMMANDS } from "./client-commands.ts";
import type { CommandEntry } from "./command.ts";

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  agent: { summary: "Run the probe agent of one node", load: () => import("./agent.ts") },
  "host-view": {
    summary: "Tell who has the token what the kernel of this node says",
    load: () => import("./host-view.ts"),
  },
  config: {
    summary: "Print the effective configuration and where each value comes from",
    load: () => import("./config.ts"),
  },
  ...CLIENT_COMMANDS,
};
