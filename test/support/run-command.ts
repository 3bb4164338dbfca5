// A command of the command line in this process, and what it printed.
import { vi } from "vitest";
import { COMMANDS } from "../../agent/cli/commands.ts";
import { runCommand } from "../../agent/cli/run.ts";

/** Leaves the console mocked: `afterEach(() => vi.restoreAllMocks())`. */
export async function printedBy(...argv: readonly string[]) {
  vi.restoreAllMocks();
  const [out, err] = [
    vi.spyOn(console, "log").mockImplementation(() => {}),
    vi.spyOn(console, "error").mockImplementation(() => {}),
  ];
  const code = await runCommand(COMMANDS, argv);
  return { code, out: out.mock.calls.flat().join("\n"), err: err.mock.calls.flat().join("\n") };
}
