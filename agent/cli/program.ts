// The `internode` of one file, for a laptop: everything but the agent, which runs in its image.
import { CLIENT_COMMANDS } from "./client-commands.ts";
import { start } from "./start.ts";

start(CLIENT_COMMANDS);
