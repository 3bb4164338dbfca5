// The commands that only a checkout has: they lay networks on this machine, which an image could not.
import type { CommandEntry } from "../../agent/cli/command.ts";

export const LAB_COMMANDS: Readonly<Record<string, CommandEntry>> = {
  demo: {
    summary: "Bring up a mesh on this one machine and show its page",
    load: () => import("../../lab/cli/demo.ts"),
  },
  fault: {
    summary: "Break something in the running demo, list the faults, clear them",
    load: () => import("../../lab/cli/fault.ts"),
  },
};
