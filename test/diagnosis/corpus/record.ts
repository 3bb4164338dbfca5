// Records what a judge sees of real agents. Real clusters: record-cluster.ts.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readOptions } from "../../../scripts/command-line.ts";
import { createLab } from "../../../lab/lab.ts";
import { endWith } from "../../live/end-with.ts";
import { fetchSocket } from "../../support/fetch-socket.ts";
import { JUDGE, scenesOf, SIZES, ZONES } from "./plan.ts";
import { fileOf, record, rested, say, type Ask } from "./recorder.ts";
import { parseTruth } from "./recording.ts";

const HELP = `Records what a judge sees: node scripts/node.mjs test/diagnosis/corpus/record.ts OPTIONS

Of a lab, fault after fault of the plan:
  --nodes N         ${SIZES.join(", ")}
  --only TEXT       only scenes whose name has this in it
  --again           also those that are recorded

Of agents that somebody else breaks:
  --url URL         of an agent
  --name NAME, --what TEXT
  --break COMMAND, --repair COMMAND
  --truth "CODE SUBJECT CAUSE"   may be given again
  --seconds N       from the fault to the repair (default 90)

  --never-tuned-on  nothing will be tuned on it`;
const values = readOptions("record", HELP, {
  nodes: { type: "string" },
  only: { type: "string", default: "" },
  again: { type: "boolean", default: false },
  url: { type: "string" },
  name: { type: "string", default: "" },
  what: { type: "string", default: "" },
  break: { type: "string" },
  repair: { type: "string" },
  truth: { type: "string", multiple: true, default: [] },
  seconds: { type: "string", default: "90" },
  "never-tuned-on": { type: "boolean", default: false },
});

async function recordLab(size: (typeof SIZES)[number]): Promise<void> {
  await using lab = await createLab({ nodes: size, zones: ZONES, servicePath: true });
  endWith(lab);
  const ask: Ask = async (path) => JSON.parse(await fetchSocket(lab.target(JUDGE, "http").path, path));
  for (const { name, faults, truths, seconds } of scenesOf(size)) {
    const file = fileOf(`${size}-${name}`);
    if (!name.includes(values.only) || (existsSync(file) && !values.again)) continue;
    await rested(ask);
    await record({
      ask,
      isReadinessTold: false,
      file,
      what: `${size} nodes in ${ZONES} zones: ${name.replaceAll("-", " ")}`,
      faults,
      truths,
      seconds,
      isNeverTunedOn: values["never-tuned-on"],
      break: async () => {
        for (const fault of faults) await lab.inject(fault);
      },
      repair: () => lab.clear(),
    }).catch((err: unknown) => say(`${file.pathname}: ${String(err)}`));
  }
}

const size = SIZES.find((one) => String(one) === values.nodes);
const { url, repair, name } = values;
const fault = values.break;
if (url !== undefined && name !== "" && (fault === undefined) === (repair === undefined)) {
  const shell = async (command: string | undefined): Promise<void> => {
    if (command !== undefined) execFileSync("sh", ["-c", command], { stdio: "inherit" });
  };
  await record({
    ask: async <T>(path: string) => (await (await fetch(new URL(path, url))).json()) as T,
    isReadinessTold: true,
    file: fileOf(name),
    what: values.what,
    faults: fault === undefined ? [] : [fault],
    truths: values.truth.map(parseTruth),
    seconds: Number(values.seconds),
    isNeverTunedOn: values["never-tuned-on"],
    break: () => shell(fault),
    repair: () => shell(repair),
  });
} else if (size !== undefined) await recordLab(size);
else
  throw new Error(`say which mesh: --nodes ${SIZES.join(", ")}; or --url and --name, with both --break and --repair`);
