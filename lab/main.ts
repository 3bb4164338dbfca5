// The `internode` command of a checkout: the lab's commands first, then the agent's.
import { COMMANDS } from "../agent/cli/commands.ts";
import { runCommand } from "../agent/cli/run.ts";
import { LAB_COMMANDS } from "./cli/commands.ts";

process.exitCode = await runCommand({ ...LAB_COMMANDS, ...COMMANDS }, process.argv.slice(2));
