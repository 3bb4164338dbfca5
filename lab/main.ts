// The `internode` command of a checkout: the lab's commands first, then the agent's.
import { lookForTokens } from "../agent/cli/actions/token-place.ts";
import { COMMANDS } from "../agent/cli/commands.ts";
import { start } from "../agent/cli/start.ts";
import { LAB_COMMANDS } from "./cli/commands.ts";

lookForTokens(async (url) => (await import("./demo-token.ts")).demoTokenFile(url));
start({ ...LAB_COMMANDS, ...COMMANDS });
