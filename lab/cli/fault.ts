import { Option } from "commander";
import { askLab, findControllableLab, type ControlRequest } from "../control.ts";
import type { FaultStatus } from "../faults/faults.ts";
import { FaultSyntaxError, GRAMMAR } from "../faults/grammar.ts";
import { FAULTS } from "../faults/table.ts";
import { LabError } from "../machine.ts";
import { EXIT, UsageError, type Command } from "../../agent/cli/command.ts";
import { table } from "../../agent/cli/text-table.ts";

const more = () => `
${GRAMMAR}
Put the fault in quotes: a shell takes '>' for itself.

${table(Object.values(FAULTS).map(({ example, summary }) => [`  ${example}`, summary]))}

'list' counts, for faults of packets, how many packets were on the fault's links and what became of them.
'clear' removes one fault, or all.

Exit: 0 done, 1 it could not be done, 2 bad usage.`;

export const command: Command = {
  declare: (parser) =>
    void parser
      .usage('[options] [add] "FAULT" | list | clear [NUMBER]')
      .argument("<WORDS...>", "what to break, or list, or clear")
      .option("--lab <ID>", "which lab, when several are running")
      .addOption(new Option("-o, --output <FORMAT>", "how to print it").choices(["table", "json"]).default("table"))
      .addHelpText("after", more),
  async run({ args, options }) {
    const request = toRequest(args);
    const id = (options["lab"] as string | undefined)?.replace(/^inode-/, "");
    try {
      const faults = await askLab(await findControllableLab(id), request);
      const isJson = options["output"] === "json";
      console.log(isJson ? JSON.stringify({ schemaVersion: 1, faults }, null, 2) : report(request, faults));
      return EXIT.fine;
    } catch (err) {
      if (err instanceof FaultSyntaxError) throw new UsageError(err.message);
      if (!(err instanceof LabError)) throw err;
      console.error(`internode fault: ${err.message}`);
      return EXIT.broken;
    }
  },
};

function toRequest([verb, ...rest]: readonly string[]): ControlRequest {
  switch (verb) {
    case undefined:
      throw new UsageError("say what to break, or list, or clear");
    case "list":
      if (rest.length > 0) throw new UsageError(`list takes nothing, not '${rest.join(" ")}'`);
      return { type: "list" };
    case "clear":
      return { type: "clear", id: faultNumber(rest) };
    case "add":
      if (rest.length === 0) throw new UsageError("say what to break, in quotes");
      return { type: "inject", text: rest.join(" ") };
    default:
      return { type: "inject", text: [verb, ...rest].join(" ") };
  }
}

function faultNumber([word, ...rest]: readonly string[]): number | undefined {
  if (word === undefined) return undefined;
  if (rest.length > 0 || !/^\d+$/.test(word))
    throw new UsageError(`clear takes the number of one fault, or nothing for all, not '${[word, ...rest].join(" ")}'`);
  return Number(word);
}

function report(request: ControlRequest, faults: readonly FaultStatus[]): string {
  switch (request.type) {
    case "inject":
      return faults.map(({ id, text }) => `fault ${id} is in force: ${text}`).join("\n");
    case "clear":
      return faults.length === 0
        ? "nothing was broken"
        : faults.map((fault) => `fault ${fault.id} is cleared: ${fault.text}${counted(fault)}`).join("\n");
    case "list":
      return faults.length === 0
        ? "nothing is broken"
        : table([
            ["NUMBER", "FAULT", "SINCE", "PACKETS"],
            ...faults.map((fault) => [String(fault.id), fault.text, clockTime(fault.injectedAt), packets(fault)]),
          ]);
  }
}

const counted = (fault: FaultStatus): string => (fault.counters ? ` (${packets(fault)})` : "");

function packets({ counters, affected }: FaultStatus): string {
  if (!counters) return "-";
  const share = counters.matched === 0 ? "" : ` = ${((100 * counters.affected) / counters.matched).toFixed(1)}%`;
  return `${counters.affected} ${affected} of ${counters.matched}${share}`;
}

const clockTime = (iso: string): string => new Date(iso).toTimeString().slice(0, 8);
