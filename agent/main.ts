// Which command. Each command is one file under cli/, loaded only when it is asked for.
import { COMMANDS } from "./cli/commands.ts";
import { runCommand } from "./cli/run.ts";

process.exitCode = await runCommand(COMMANDS, process.argv.slice(2));
