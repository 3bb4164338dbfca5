// The table of commands, in the order `internode --help` prints them. One line a command.
import type { CommandEntry } from "./command.ts";

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  version: { summary: "Print the version", load: () => import("./version.ts") },
};
