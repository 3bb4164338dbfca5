// `npm run test:verdicts`: seconds from a fault to the verdict, by fault: real agents in namespaces.
import { inWords, refusalOf } from "../../lab/rights.ts";
import { createLab } from "../../lab/lab.ts";
import { readOptions } from "../../scripts/command-line.ts";
import { endWith } from "./end-with.ts";
import { ASKED, KINDS, LIVE_MESH, type Kind } from "./kinds.ts";
import { lineOf, tableOf } from "./table.ts";
import { settle, trial, type Trial } from "./trials.ts";

const HELP = `Seconds from a fault to the verdict that names it, by fault, with real agents in labs of this machine:
npm run test:verdicts [-- OPTIONS]

  --trials N   trials of each fault (default: 20), about a minute each
  --only TEXT  only faults whose name has this in it: ${KINDS.map(({ what }) => what).join("; ")}
  --labs N     meshes side by side (default: 1); two cores carry three
  --keep FOLDER  what a judge saw in each trial that was late or had a wrong finding, as a recording of the corpus

Prints every trial as it ends, then a table, also when it is stopped. Ends with 1 when a bar is missed. Needs root, or a user
namespace.`;
const values = readOptions("test:verdicts", HELP, {
  trials: { type: "string", default: "20" },
  only: { type: "string", default: "" },
  labs: { type: "string", default: "1" },
  keep: { type: "string" },
});
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const kinds = KINDS.filter(({ what }) => what.includes(values.only));
if (kinds.length === 0) {
  say(`no fault is called '${values.only}'; there are: ${KINDS.map(({ what }) => what).join("; ")}`);
  process.exit(2);
}
const refusal = await refusalOf("namespaces");
if (refusal) {
  say(`nothing can be measured here: ${inWords(refusal)}`);
  process.exit(1);
}
const labs = new AsyncDisposableStack();
endWith(labs);
const done = new Map<Kind, Trial[]>(kinds.map((kind) => [kind, []]));
/** One fault after the other: what the machine does meanwhile falls on all of them. */
const queue = Array.from({ length: Number(values.trials) }, () => kinds).flat();
// What is known when somebody stops it is told.
process.once("exit", () => {
  const isMet = tell();
  if (!isMet) process.exitCode ||= 1;
});
try {
  await Promise.all(Array.from({ length: Number(values.labs) }, runLab));
} finally {
  await labs.disposeAsync();
}

async function runLab(): Promise<void> {
  const lab = labs.use(await createLab(LIVE_MESH));
  await settle(lab, ASKED);
  // Each turn breaks something else: what comes back soon is the same finding again, and closes later.
  for (let turn = 0, kind = queue.shift(); kind !== undefined; kind = queue.shift(), turn++) {
    const result = await trial(lab, ASKED, kind, turn, values.keep);
    done.get(kind)!.push(result);
    const after = result.seconds === undefined ? "never" : `after ${result.seconds.toFixed(1)} s`;
    say([`${kind.what} (${kind.subject(turn)}): ${after}`, ...result.wrong.map((w) => `  WRONG ${w}`)].join("\n"));
  }
}

function tell(): boolean {
  const lines = [...done].flatMap(([kind, trials]) => (trials.length > 0 ? [lineOf(kind, trials)] : []));
  say(`\n${tableOf(lines)}`);
  return lines.every(({ isMet }) => isMet);
}
