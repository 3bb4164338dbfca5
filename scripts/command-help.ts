// What `internode COMMAND --help` prints, as wide as a page.
import { Command as Parser } from "commander";
import { COMMANDS } from "../agent/cli/commands.ts";

export async function helpOf(name: string): Promise<string> {
  const parser = new Parser(`internode ${name}`).helpOption("-h, --help", "print help");
  (await COMMANDS[name]!.load()).command.declare(parser);
  let text = "";
  parser.configureOutput({ writeOut: (words) => (text += words), getOutHelpWidth: () => 110 }).outputHelp();
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
    .trim();
}
