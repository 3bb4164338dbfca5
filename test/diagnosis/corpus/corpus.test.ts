// Recordings of real meshes (test/diagnosis/corpus/record.ts), judged again.
import { globSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { readRecording } from "./recording.ts";
import { replay } from "./replay.ts";

const FILES = globSync(join(import.meta.dirname, "recorded/*.jsonl.gz")).sort();
/** Share of faults that must be found, and of findings that must be right. */
const BAR = 0.95;
const SINCE_WITHIN_SECONDS = 20;

test("of recorded meshes the judge names what was broken, since when and why, and nothing else", () => {
  const lines: string[] = [];
  const sinceErrors: number[] = [];
  let [truths, found, causes, wrong] = [0, 0, 0, 0];
  for (const file of FILES) {
    const recording = readRecording(file);
    const said = replay(recording);
    truths += recording.truths.length;
    wrong += said.wrong.length;
    for (const [i, truth] of recording.truths.entries()) {
      const answer = said.found[i];
      if (answer) found++;
      if (answer?.cause === truth.cause) causes++;
      const what = answer
        ? `found after ${Math.round(answer.afterSeconds)} s, since is ${Math.round(answer.sinceErrorSeconds)} s off, cause ${answer.cause}`
        : "NOT FOUND";
      lines.push(`${basename(file)}: ${truth.code} ${truth.subject}: ${what}`);
      sinceErrors.push(Math.abs(answer?.sinceErrorSeconds ?? 0));
    }
    for (const text of said.wrong) lines.push(`${basename(file)}: WRONG ${text}`);
    expect(said.flapped, `${basename(file)}: findings that flap`).toEqual([]);
  }
  const recall = found / Math.max(1, truths);
  const precision = found / Math.max(1, found + wrong);
  process.stdout.write(
    `${lines.join("\n")}\n${FILES.length} recordings: recall ${recall.toFixed(2)}, precision ${precision.toFixed(2)}, first cause right in ${causes} of ${found}\n`,
  );
  expect(FILES.length).toBeGreaterThan(0);
  expect(Math.max(...sinceErrors)).toBeLessThanOrEqual(SINCE_WITHIN_SECONDS);
  expect(
    { recall: recall >= BAR, precision: precision >= BAR, causes: causes >= BAR * found },
    lines.join("\n"),
  ).toEqual({
    recall: true,
    precision: true,
    causes: true,
  });
});
