import type { Command as Parser } from "commander";
import type { Typed } from "./command.ts";

/** Every option of the agent is a flag as well; config/load.ts reads them, and says what is wrong with them. */
export const takesConfigFlags = (parser: Parser): Parser =>
  parser
    .usage("[--config FILE] [options]")
    .option("--config <FILE>", "a JSON file with the options; INTERNODE_CONFIG names it too")
    .allowUnknownOption()
    .allowExcessArguments();

/** The flags as they were typed. */
export const configFlags = ({ args, options }: Typed): readonly string[] =>
  typeof options["config"] === "string" ? ["--config", options["config"], ...args] : args;
