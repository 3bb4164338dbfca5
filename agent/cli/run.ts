// Runs one command: parsing, help, completion, usage faults with the cure, signals, exit codes. A command's own code is
// loaded only when it is the one.
import { Command as Parser, CommanderError } from "commander";
import { VERSION } from "../model/version.ts";
import { EXIT, UsageError, type CommandEntry, type Typed } from "./command.ts";

type Commands = Readonly<Record<string, CommandEntry>>;

/** What the scripts of `internode completion` call: `internode complete -- WORDS`. */
const COMPLETE = "complete";

export async function runCommand(commands: Commands, argv: readonly string[]): Promise<number> {
  if (argv[0] === COMPLETE) return complete(commands, argv.slice(argv.indexOf("--") + 1));
  let run: (() => Promise<number>) | undefined;
  const program = await parserFor(commands, argv, (started) => (run = started));
  try {
    await program.parseAsync([...argv], { from: "user" });
    return run === undefined ? EXIT.fine : await run();
  } catch (err) {
    if (err instanceof CommanderError) return err.exitCode === 0 ? EXIT.fine : EXIT.usage;
    if (!(err instanceof UsageError)) throw err;
    const name = argv.find((word) => !word.startsWith("-"));
    console.error(`internode ${name}: ${err.message}\nTry 'internode ${name} --help'.`);
    return EXIT.usage;
  }
}

/** All commands by name and summary, and the one that is meant as a whole. */
async function parserFor(
  commands: Commands,
  argv: readonly string[],
  started: (run: () => Promise<number>) => void,
): Promise<Parser> {
  const at = argv.findIndex((word) => !word.startsWith("-"));
  const [name, ...words] = argv.slice(Math.max(0, at));
  const named = name === "help" ? words[0] : name;
  const program = new Parser("internode")
    .description("Measures latency and loss between every pair of Kubernetes nodes.")
    .version(`internode ${VERSION} (node ${process.version})`, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [COMMAND]", "print help")
    .addHelpText(
      "after",
      "\n'internode COMMAND --help' says more. Exit codes: 0 fine, 1 something is broken, 2 bad usage.",
    )
    .showSuggestionAfterError()
    .exitOverride()
    .configureHelp({ subcommandTerm: (command) => command.name(), showGlobalOptions: false });
  for (const [listed, entry] of Object.entries(commands)) {
    const { summary } = entry;
    const parser = program
      .command(listed)
      .description(`${summary}.`)
      .summary(summary)
      .helpOption("-h, --help", "print help")
      .configureOutput({ outputError: (text, write) => write(`internode ${listed}: ${text.replace(/^error: /, "")}`) })
      .showHelpAfterError(`Try 'internode ${listed} --help'.`);
    if (listed !== named) continue;
    const { command } = await entry.load();
    command.declare(parser);
    parser.action(() => {
      const typed: Typed = { words, args: parser.args, options: parser.opts() };
      started(() => withSignals((signal) => command.run(typed, signal)));
    });
  }
  return program.configureOutput({
    outputError: (text, write) =>
      write(`internode: ${text.replace(/^error: /, "")}The commands are: ${Object.keys(commands).join(", ")}\n`),
  });
}

async function withSignals(run: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => stop.abort(signal);
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    return await run(stop.signal);
  } catch (err) {
    // Broken off by the interrupt: nothing to report, and nothing good was found.
    if (stop.signal.aborted && (err === stop.signal.reason || (err as Error).name === "AbortError")) return EXIT.broken;
    throw err;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

async function complete(commands: Commands, words: readonly string[]): Promise<number> {
  const { default: completing } = await import("@bomb.sh/tab/commander");
  // The library brings a command of this name, with its shells.
  const { completion: _, ...others } = commands;
  completing(await parserFor(others, words, () => {}), { completionCommandName: "completion" }).parse([...words]);
  return EXIT.fine;
}
