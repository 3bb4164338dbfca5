import { Argument } from "commander";
import { EXIT, type Command } from "./command.ts";

const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;

const EXAMPLES = `
For this shell:
  source <(internode completion bash)

For every new shell:
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
    tab.setup("internode", "internode", args[0]!);
    return EXIT.fine;
  },
};
