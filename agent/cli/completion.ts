import { Argument } from "commander";
import { EXIT, type Command } from "./command.ts";

const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;

const EXAMPLES = `
For this shell:
  source <(internode completion bash)

For every new shell (bash needs its package bash-completion):
  bash        internode completion bash > /etc/bash_completion.d/internode
  zsh         internode completion zsh > "\${fpath[1]}/_internode"
  fish        internode completion fish > ~/.config/fish/completions/internode.fish
  powershell  internode completion powershell >> $PROFILE`;

export const command: Command = {
  declare(parser) {
    parser
      .addArgument(new Argument("<SHELL>", "the shell that completes").choices(SHELLS))
      .addHelpText("after", EXAMPLES);
  },
  async run({ args }) {
    const { default: tab } = await import("@bomb.sh/tab");
    const { log } = console;
    try {
      console.log = (script: string) => log(repeatable(script));
      tab.setup("internode", "internode", args[0]!);
    } finally {
      console.log = log;
    }
    return EXIT.fine;
  },
};

/**
 * The library's script for bash makes constants of names that all of its users share: a shell that reads it again, or
 * that of another program, would complain at each of them.
 */
const repeatable = (script: string): string =>
  script.replaceAll(/^readonly (?=ShellCompDirective)/gm, "").replaceAll("ShellCompDirective", "__internode_directive");
