// Runs one command: help, usage faults with the cure, signals, exit codes.
import { EXIT, UsageError, type CommandEntry } from "./command.ts";

export async function runCommand(
  commands: Readonly<Record<string, CommandEntry>>,
  argv: readonly string[],
): Promise<number> {
  const [name, ...args] = argv;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    console.log(overview(commands));
    return name === undefined ? EXIT.usage : EXIT.fine;
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : name === "--version" ? commands["version"] : undefined;
  if (!entry) {
    console.error(`internode: there is no command '${name}'. The commands are: ${Object.keys(commands).join(", ")}`);
    return EXIT.usage;
  }
  const { command } = await entry.load();
  if (args.includes("--help") || args.includes("-h")) {
    console.log(`${command.summary}\n\n${command.help.trim()}`);
    return EXIT.fine;
  }
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => stop.abort(signal);
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    return await command.run(args, stop.signal);
  } catch (err) {
    if (!(err instanceof UsageError)) throw err;
    console.error(`internode ${name}: ${err.message}\nTry 'internode ${name} --help'.`);
    return EXIT.usage;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

function overview(commands: Readonly<Record<string, CommandEntry>>): string {
  const width = Math.max(...Object.keys(commands).map((n) => n.length));
  const lines = Object.entries(commands).map(([n, c]) => `  ${n.padEnd(width)}  ${c.summary}`);
  return `internode: measures latency and loss between every pair of Kubernetes nodes\n\nUsage: internode <command> [options]\n\n${lines.join("\n")}\n\n'internode <command> --help' says more. Exit codes: 0 fine, 1 something is broken, 2 bad usage.`;
}
