// A command that finds things out and reports them: the same options, formats and exit codes for all of them.
import { Option, type Command as Parser } from "commander";
import { EXIT, type Command, type Typed } from "./command.ts";
import { declareReach, readReach } from "./reach.ts";
import { asHtml, asJson, asMarkdown, asTerminal } from "./report/render.ts";
import type { Report } from "./report/report.ts";
import { sourcesOf, type Sources } from "./sources.ts";

type Format = (report: Report) => string;

const FORMATS = {
  table: asTerminal,
  json: asJson,
  markdown: asMarkdown,
  html: (report: Report) => asHtml([report]),
} as const satisfies Readonly<Record<string, Format>>;

export interface ReportCommand<R extends Report> {
  /** What `--help` says beyond the options. */
  readonly more: string;
  readonly declare?: (parser: Parser) => void;
  readonly make: (sources: Sources, typed: Typed) => Promise<R>;
  /** Beyond table, json, markdown and html. */
  readonly formats?: Readonly<Record<string, (report: R) => string>>;
}

export function reportCommand<R extends Report>({ more, declare, make, formats = {} }: ReportCommand<R>): Command {
  const all: Readonly<Record<string, (report: R) => string>> = { ...FORMATS, ...formats };
  return {
    declare(parser) {
      declareReach(parser)
        .addOption(new Option("-o, --output <FORMAT>", "how to print it").choices(Object.keys(all)).default("table"))
        .addHelpText("after", more);
      declare?.(parser);
    },
    async run(typed, signal) {
      const reach = readReach(typed);
      let report: R;
      try {
        report = await make(sourcesOf(reach, signal), typed);
      } catch (err) {
        // A report that was not made says nothing good.
        if (signal.aborted) return EXIT.broken;
        throw err;
      }
      console.log(all[String(typed.options["output"])]!(report));
      return report.isFault ? EXIT.broken : EXIT.fine;
    },
  };
}
