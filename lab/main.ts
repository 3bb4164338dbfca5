// The `internode` command of a checkout: the lab's commands first, then the agent's.
import { COMMANDS } from "../agent/cli/commands.ts";
import { start } from "../agent/cli/start.ts";
import { LAB_COMMANDS } from "./cli/commands.ts";

start({ ...LAB_COMMANDS, ...COMMANDS });
