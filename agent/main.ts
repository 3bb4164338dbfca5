// Which command. Each command is one file under cli/, loaded only when it is asked for.
import { COMMANDS } from "./cli/commands.ts";
import { start } from "./cli/start.ts";

start(COMMANDS);
