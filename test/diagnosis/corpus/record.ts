// Records what a judge sees of a running demo: calm for a while, then a fault, then calm again.
//
//   npm run demo -- --nodes 6
//   node scripts/node.mjs test/diagnosis/corpus/record.ts --out FILE --what TEXT \
//     [--fault TEXT…] [--truth "CODE SUBJECT CAUSE"…] [--url http://127.0.0.1:8843] [--lab ID]
//     [--calm 60] [--seconds 90] [--after 60]
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { DEFAULT_URL, fetchSnapshot } from "../../../agent/cli/mesh-client.ts";
import { askLab, findControllableLab } from "../../../lab/control.ts";
import { FORMAT, parseTruth, type Heading } from "./recording.ts";

const EVERY_MS = 10_000;

const { values } = parseArgs({
  options: {
    out: { type: "string" },
    what: { type: "string", default: "" },
    fault: { type: "string", multiple: true, default: [] },
    truth: { type: "string", multiple: true, default: [] },
    url: { type: "string", default: DEFAULT_URL },
    lab: { type: "string" },
    calm: { type: "string", default: "60" },
    seconds: { type: "string", default: "90" },
    after: { type: "string", default: "60" },
  },
});
if (values.out === undefined) throw new Error("say where to: --out FILE");
const truths = values.truth.map(parseTruth);
const lab = values.fault.length > 0 ? await findControllableLab(values.lab) : undefined;
const lines: string[] = [];

async function record(seconds: number): Promise<void> {
  const until = Date.now() + seconds * 1_000;
  while (Date.now() < until) {
    const next = Date.now() + EVERY_MS;
    lines.push(JSON.stringify(await fetchSnapshot(values.url, AbortSignal.timeout(EVERY_MS))));
    process.stderr.write(`\r${values.out}: ${lines.length} judgements recorded `);
    await sleep(Math.max(0, next - Date.now()));
  }
}

await record(Number(values.calm));
const span: { since?: string; until?: string } = {};
if (lab) {
  const ids: number[] = [];
  try {
    span.since = new Date().toISOString();
    for (const text of values.fault) ids.push(...(await askLab(lab, { type: "inject", text })).map(({ id }) => id));
    await record(Number(values.seconds));
  } finally {
    for (const id of new Set(ids)) await askLab(lab, { type: "clear", id });
  }
  span.until = new Date().toISOString();
  await record(Number(values.after));
}
const heading: Heading = { format: FORMAT, what: values.what, faults: values.fault, truths, ...span };
writeFileSync(values.out, gzipSync([JSON.stringify(heading), ...lines].join("\n"), { level: 9 }));
process.stderr.write("\n");
