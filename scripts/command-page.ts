// A command's page: its help, what is worth knowing besides, and what it printed.
import { Command as Parser } from "commander";
import { COMMANDS } from "../agent/cli/commands.ts";

export interface CommandPage {
  readonly command: string;
  /** Who writes this page, and what to change instead of it: sentences, for a comment at its top. */
  readonly origin: string;
  /** Markdown below the help. */
  readonly more: string | undefined;
  /** `of`: what is shown, in a sentence; `text`: what stands on the terminal, the command line first. */
  readonly examples: readonly { readonly of: string; readonly text: string }[];
}

/** In Markdown, as it is committed. */
export async function commandPage({ command, origin, more, examples }: CommandPage): Promise<string> {
  const blocks = examples.map(({ of, text }) => `${of}\n\n\`\`\`text\n${text}\n\`\`\``);
  return `# internode ${command}

<!-- ${origin} -->

${COMMANDS[command]!.summary}.

\`\`\`text
${await helpOf(command)}
\`\`\`
${more === undefined ? "" : `\n${more}\n`}
## Examples

${blocks.join("\n\n")}
`;
}

/** Examples with what each of them printed, in their order; nothing where it is not known yet. */
export const withOutputs = (
  examples: readonly { readonly of: string; readonly words: readonly string[] }[],
  outputs: readonly string[],
): CommandPage["examples"] =>
  examples.map(({ of, words }, i) => ({ of, text: `$ internode ${words.join(" ")}\n${outputs[i] ?? ""}` }));

/** What `internode COMMAND --help` prints, as wide as a page. */
async function helpOf(name: string): Promise<string> {
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
