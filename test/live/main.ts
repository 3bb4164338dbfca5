// npm run test:verdicts -- [--trials 20] [--only TEXT] [--labs 1]
// Seconds from a fault to the verdict, by fault: real agents in namespaces, a quarter of an hour for ten trials of each
// lab. Prints every trial as it ends, then a table; ends with 1 when a bar is missed.
import { parseArgs } from "node:util";
import { inWords, refusalOf } from "../../lab/rights.ts";
import { createLab } from "../../lab/lab.ts";
import { endWith } from "./end-with.ts";
import { ASKED, KINDS, LIVE_MESH, type Kind } from "./kinds.ts";
import { lineOf, tableOf } from "./table.ts";
import { settle, trial, type Trial } from "./trials.ts";

const { values } = parseArgs({
  options: {
    trials: { type: "string", default: "20" },
    only: { type: "string", default: "" },
    labs: { type: "string", default: "1" },
  },
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
    const result = await trial(lab, ASKED, kind, turn);
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
