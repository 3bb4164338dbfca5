// How a command of this repository reads its options and says what went wrong: never with a stack trace.
import { parseArgs, type ParseArgsConfig } from "node:util";

type Options = NonNullable<ParseArgsConfig["options"]>;
type Values<T extends Options> = ReturnType<typeof parseArgs<{ options: T }>>["values"];

/** Options as parseArgs takes them, and `--help`: that, or an invalid one, is answered here and ends the process. */
export function readOptions<const T extends Options>(name: string, help: string, options: T): Values<T> {
  return read(name, help, { options, allowPositionals: false }).values;
}

/** The same, with words that are no options. */
export function readWords<const T extends Options>(name: string, help: string, options: T) {
  return read(name, help, { options, allowPositionals: true });
}

interface Wanted<T extends Options> {
  readonly options: T;
  readonly allowPositionals: boolean;
}

function read<T extends Options>(name: string, help: string, { options, allowPositionals }: Wanted<T>) {
  let given;
  try {
    given = parseArgs({ options: { ...options, help: { type: "boolean", short: "h" } }, allowPositionals });
  } catch (error) {
    console.error(`${name}: ${(error as Error).message}\n\n${help}`);
    return process.exit(2);
  }
  const { values, positionals } = given as { readonly values: { help?: boolean }; readonly positionals: string[] };
  if (values.help !== true) return { values: values as Values<T>, positionals };
  console.log(help);
  return process.exit(0);
}

/** Runs it. An error becomes its message and those of its causes, and exit code 1; 2 when the options were to blame. */
export async function runCommand(name: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    console.error(`${name}: ${chain(error).join("\n  because: ")}`);
    process.exitCode = error instanceof RangeError ? 2 : 1;
  }
}

function chain(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [String(error)];
  // An error that tells its cause in its own message needs no second telling.
  const causes = error.cause === undefined ? [] : chain(error.cause);
  return [error.message, ...causes.filter((message) => !error.message.includes(message))];
}
