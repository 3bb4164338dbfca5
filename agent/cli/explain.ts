// What a finding's code means, in the words of the catalogue: the same that page, pager and docs/findings.md use.
import { Argument, Option } from "commander";
import { styleText } from "node:util";
import { CODES, runbookOf } from "../diagnosis/catalogue/codes.ts";
import { FINDING_CODES, type FindingCode } from "../model/finding.ts";
import { EXIT, UsageError, type Command } from "./command.ts";
import { table } from "./text-table.ts";

const MORE = `
Examples:
  internode explain                 every code in one line
  internode explain IN-NODE-LOSS
  internode explain node-loss       the same
  internode explain IN-PATH-MTU -o json`;

export const command: Command = {
  declare: (parser) =>
    void parser
      // Its own reading comes last: the choices are for help and completion, and `node-loss` is one as well.
      .addArgument(new Argument("[CODE]", "a code of a finding").choices(FINDING_CODES).argParser((typed) => typed))
      .addOption(new Option("-o, --output <FORMAT>", "how to print it").choices(["text", "json"]).default("text"))
      .addHelpText("after", MORE),
  async run({ args, options }) {
    const asked = args[0] === undefined ? undefined : codeOf(args[0]);
    const codes = asked === undefined ? FINDING_CODES : [asked];
    if (options["output"] === "json")
      console.log(JSON.stringify({ schemaVersion: 1, codes: codes.map(entryOf) }, null, 2));
    else console.log(asked === undefined ? list() : page(asked));
    return EXIT.fine;
  },
};

function codeOf(typed: string): FindingCode {
  const wanted = typed.toUpperCase().replace(/^(IN-)?/, "IN-");
  const code = FINDING_CODES.find((each) => each === wanted);
  if (code === undefined) throw new UsageError(`there is no code '${typed}'; there are ${FINDING_CODES.join(", ")}`);
  return code;
}

const list = (): string => table(FINDING_CODES.map((code) => [code, `${CODES[code].title}.`]));

function page(code: FindingCode): string {
  const { title, meaning, impact, alerts } = CODES[code];
  return [
    styleText("bold", `${code}: ${title}.`),
    meaning,
    `Impact: ${impact}`,
    alerts.length > 0
      ? `Alert, once it is strong enough: ${alerts.join(", ")}. Runbook: ${alerts.map((alert) => `docs/runbooks/${alert}.md`).join(", ")}`
      : "Alert: InternodeFinding; no counter alert sees it.",
    `Page: docs/${runbookOf(code)}`,
  ].join("\n\n");
}

const entryOf = (code: FindingCode) => {
  const { title, meaning, impact, alerts } = CODES[code];
  return { code, title, meaning, impact, alerts, page: `docs/${runbookOf(code)}` };
};
