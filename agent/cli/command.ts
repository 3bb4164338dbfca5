// What a command is. A command prints to stdout, reports faults by throwing UsageError or returning a code.
import type { Command as Parser } from "commander";

/** Exit codes every command keeps to. */
export const EXIT = { fine: 0, broken: 1, usage: 2 } as const;

/** The caller asked for something that does not exist or contradicts itself; the message carries the cure. */
export class UsageError extends Error {}

/** What was typed, as the declaration says it is read. */
export interface Typed {
  /** All of it, for who starts the same command elsewhere. */
  readonly words: readonly string[];
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

export interface Command {
  /** Arguments, options, their help and examples: parsing, `--help` and completion all come from here. */
  declare(parser: Parser): void;
  /** Runs until done; resolves to the exit code. `signal` fires on SIGINT and SIGTERM. */
  run(typed: Typed, signal: AbortSignal): Promise<number>;
}

/** How `commands.ts` lists them: the line for the list, and how to load the rest. */
export interface CommandEntry {
  readonly summary: string;
  load(): Promise<{ readonly command: Command }>;
}
