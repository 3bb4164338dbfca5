// What is broken, where, since when, why, and what to do: the judge's findings in plain words.
import { Option } from "commander";
import { forLog } from "../base/escape.ts";
import { detectionFloor } from "../diagnosis/floor.ts";
import { checkup } from "../diagnosis/checkup.ts";
import { EXIT, UsageError, type Command } from "./command.ts";
import { DOCTOR_SCHEMA_VERSION, doctorMarkdown, doctorShort, doctorText, type DoctorReport } from "./doctor-report.ts";
import { AgentUnreachable } from "./mesh-client.ts";
import { declareReach, readReach, reachMesh, type ReachedMesh } from "./reach.ts";

const OUTPUTS = ["table", "json", "markdown"] as const;

const MORE = `
Asks the agents that judge for the mesh, and says what they found: what is broken, since when, the likeliest cause with what
speaks for and against it, what to run next, and what usually helps. Where no judge answers (older agents, or only the API
server's proxy), it judges the last minute by itself.

  ✔ looked at, and fine    ✘ broken    ? nothing that is measured can tell    – the mesh has no such thing

Every code has a page: internode explain IN-NODE-LOSS

Examples:
  internode doctor
  internode doctor --context prod -n internode
  internode doctor --short                       for a chat
  internode doctor -o markdown > ticket.md
  internode doctor -o json | jq '.verdict.findings[].code'

Exit: 0 nothing broken, 1 something is broken or too little is seen to say so, 2 bad usage.`;

export const command: Command = {
  declare: (parser) =>
    void declareReach(parser)
      .option("--short", "one line a finding, instead of a table")
      .addOption(new Option("-o, --output <FORMAT>", "how to print it").choices(OUTPUTS).default("table"))
      .addHelpText("after", MORE),
  async run(typed, signal) {
    const { short, output } = typed.options as { readonly short?: boolean; readonly output: (typeof OUTPUTS)[number] };
    if (short === true && output !== "table")
      throw new UsageError(`--short is one line a finding, and '-o ${output}' prints all of it: leave out one of them`);
    const reach = readReach(typed);
    let report: DoctorReport;
    try {
      report = reportOf(await reachMesh(reach, signal));
    } catch (err) {
      if (signal.aborted) return EXIT.broken;
      if (!(err instanceof AgentUnreachable)) throw err;
      console.error(`internode doctor: ${err.message}`);
      return EXIT.broken;
    }
    console.log(printed(report, { short: short === true, output }));
    return report.verdict.state === "fine" ? EXIT.fine : EXIT.broken;
  },
};

export function reportOf({ snapshot, verdict, judged }: ReachedMesh): DoctorReport {
  const floor = detectionFloor(snapshot);
  return {
    schemaVersion: DOCTOR_SCHEMA_VERSION,
    verdict,
    checks: checkup(verdict, snapshot),
    judged,
    nodes: snapshot.nodes.length,
    rows: snapshot.rows.length,
    missing: snapshot.missing.map(({ node, reason }) => ({ node: node.name, reason })),
    ...(floor !== undefined && { floor }),
  };
}

function printed(
  report: DoctorReport,
  { short, output }: { readonly short: boolean; readonly output: (typeof OUTPUTS)[number] },
): string {
  switch (output) {
    case "json":
      return forLog(JSON.stringify(report, null, 2));
    case "markdown":
      return doctorMarkdown(report);
    case "table":
      return short ? doctorShort(report) : doctorText(report);
  }
}
