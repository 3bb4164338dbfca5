// The process around one command: its exit code, a reader that stops reading, and faults that nobody thought of.
import { debuglog } from "node:util";
import { forText } from "../base/escape.ts";
import { VERSION } from "../model/version.ts";
import { EXIT, type CommandEntry } from "./command.ts";
import { runCommand } from "./run.ts";

/** As a shell tells of a program that wrote to nobody: 128 and the number of SIGPIPE. */
const NO_READER = 141;

export function start(commands: Readonly<Record<string, CommandEntry>>): void {
  // `internode explain | head`: who has read enough ends the command, without a word.
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (err: NodeJS.ErrnoException) => {
      if (err.code === "EPIPE") process.exit(NO_READER);
      throw err;
    });
  runCommand(commands, process.argv.slice(2)).then(
    (code) => {
      process.exitCode = code;
    },
    (err: unknown) => {
      console.error(unexpected(err));
      debuglog("internode")("%o", err);
      process.exitCode = EXIT.broken;
    },
  );
}

function unexpected(err: unknown): string {
  const { message, stack } = err instanceof Error ? err : new Error(String(err));
  const [place] = /^ +at .*/m.exec(stack ?? "") ?? [""];
  return `internode: ${forText(message)}. Nobody thought of this: please report it, with version ${VERSION} and '${forText(place.trim())}'. NODE_DEBUG=internode prints more`;
}
