// `npm run test:judge`: what the judge finds in simulated meshes, and how soon.
// One table: fault, nodes → recall, precision, time to found, the bar, met or not. Ends with 1 when a bar is missed.
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { readOptions } from "../../../scripts/command-line.ts";
import type { WorldKind } from "../sim/worlds.ts";
import { calmTable, CALM } from "./calm.ts";
import { costTable } from "./cost.ts";
import { floorTable } from "./floor.ts";
import { runAll } from "./pool.ts";
import { BARS } from "./rows.ts";
import { barTable } from "./table.ts";
import type { Done, Task } from "./trials.worker.ts";

const HELP = `Simulates meshes, breaks them and judges them: npm run test:judge [-- OPTIONS]

  --nodes N,N     only meshes of these sizes
  --only TEXT     only faults whose name has this in it
  --trials N      of each fault (default: what its bar needs)
  --worlds KIND   proof (default) or tuning: what is tuned on one is proven on the other
  --seed N        the first seed (default 1)
  --calm          the calm minutes alone, in which nothing may be found; --share 0.1 runs a tenth of them
  --all           the faults and the calm minutes
  --floor         the smallest loss that is found, for --nodes and --windows (seconds, default 60,300), --udp-every 5,1
  --cost          what a judgement costs
  --threads N     (default 2)
  --resume FILE   keep what is done there, and go on from it. It is of one judge: remove it when the judge changes

Prints a table: fault, nodes, recall, precision, seconds until it is found, the bar. Ends with 1 when a bar is missed.`;
const values = readOptions("test:judge", HELP, {
  worlds: { type: "string", default: "proof" },
  trials: { type: "string" },
  seed: { type: "string", default: "1" },
  only: { type: "string", default: "" },
  nodes: { type: "string", default: "" },
  threads: { type: "string", default: "2" },
  calm: { type: "boolean", default: false },
  /** Where what is done is kept, a line each: with it again, only the rest is run. Of one judge: delete it with a change. */
  resume: { type: "string" },
  /** Of the calm minutes asked for, this share. */
  share: { type: "string", default: "1" },
  cost: { type: "boolean", default: false },
  floor: { type: "boolean", default: false },
  windows: { type: "string", default: "60,300" },
  "udp-every": { type: "string", default: "5,1" },
  all: { type: "boolean", default: false },
});
if (values.cost) {
  const { text, isMet } = costTable();
  process.stdout.write(`${text}\n`);
  process.exit(isMet ? 0 : 1);
}
if (values.floor) {
  const windows = values.windows.split(",").map(Number);
  const udpEvery = values["udp-every"].split(",").map(Number);
  const nodes = values.nodes === "" ? [3, 5, 8, 12, 30, 100] : values.nodes.split(",").map(Number);
  process.stdout.write(
    floorTable({ nodes, windows, trials: Number(values.trials ?? 1000), udpEvery }, (figure) =>
      process.stderr.write(`${figure}\n`),
    ),
  );
  process.exit();
}
const kind: WorldKind = values.worlds === "tuning" ? "tuning" : "proof";
const sizes = values.nodes.split(",").filter(Boolean).map(Number);
const isAsked = (nodes: number): boolean => sizes.length === 0 || sizes.includes(nodes);
/** Large meshes take long. */
const trialsAt = (nodes: number): number => Number(values.trials ?? (nodes >= 1000 ? 10 : nodes >= 100 ? 30 : 100));

const firstSeed = Number(values.seed);
const trials = BARS.flatMap((bar, index) =>
  bar.name.includes(values.only)
    ? bar.nodes.filter(isAsked).flatMap((nodes) =>
        Array.from({ length: trialsAt(nodes) }, (_, i): Task => ({
          do: "trial",
          bar: index,
          nodes,
          seed: firstSeed + i,
          kind,
        })),
      )
    : [],
);
const calm = CALM.filter(({ nodes }) => isAsked(nodes)).flatMap(({ nodes, minutes, piece }) => {
  const pieces = Math.max(1, Math.ceil((minutes * Number(values.share)) / piece));
  return Array.from({ length: pieces }, (_, i): Task => ({
    do: "calm",
    nodes,
    minutes: piece,
    seed: firstSeed + i,
    kind,
  }));
});
const tasks = [...(values.calm ? [] : trials), ...(values.calm || values.all ? calm : [])];
const { resume } = values;
const before =
  resume !== undefined && existsSync(resume)
    ? readFileSync(resume, "utf8")
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Done)
    : [];
const known = new Set(before.map(({ task }) => JSON.stringify(task)));
const asked = new Set(tasks.map((task) => JSON.stringify(task)));
const done: Done[] = before.filter(({ task }) => asked.has(JSON.stringify(task)));
await runAll(
  tasks.filter((task) => !known.has(JSON.stringify(task))),
  {
    threads: Number(values.threads),
    onDone: (result, left) => {
      done.push(result);
      if (resume !== undefined) appendFileSync(resume, `${JSON.stringify(result)}\n`);
      if ("calm" in result)
        for (const text of result.calm.findings)
          process.stderr.write(`\r${result.task.nodes} nodes, seed ${result.task.seed}: ${text}\n`);
      if (process.stderr.isTTY || left % 50 === 0) process.stderr.write(`\r${left} to go    `);
    },
  },
);
process.stderr.write("\n");
const tables = [barTable(done), calmTable(done)].filter((table) => table !== undefined);
for (const { text } of tables) process.stdout.write(`${kind} worlds\n${text}\n\n`);
process.exitCode = tables.every(({ isMet }) => isMet) ? 0 : 1;
