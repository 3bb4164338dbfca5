// What a command is. A command prints to stdout, reports faults by throwing UsageError or returning a code.

/** Exit codes every command keeps to. */
export const EXIT = { fine: 0, broken: 1, usage: 2 } as const;

/** The caller asked for something that does not exist or contradicts itself; the message carries the cure. */
export class UsageError extends Error {}

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** What `--help` prints after the summary. */
  readonly help: string;
  /** Runs until done; resolves to the exit code. `signal` fires on SIGINT and SIGTERM. */
  run(args: readonly string[], signal: AbortSignal): Promise<number>;
}

/** How `commands.ts` lists them: the line for the list, and how to load the rest. */
export interface CommandEntry {
  readonly summary: string;
  load(): Promise<{ readonly command: Command }>;
}
