// Recordings of real meshes (test/diagnosis/corpus/record.ts), judged again.
import { globSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { readRecording, type Recording } from "./recording.ts";
import { replay, type Replayed } from "./replay.ts";

const FILES = globSync(join(import.meta.dirname, "recorded/*.recording")).sort();
/** Share of faults that must be found, of findings that must be right, and of first causes; and of beginnings. */
const BAR = 0.97;
const BEGINNINGS = 0.95;
const SINCE_WITHIN_SECONDS = 20;

interface Judged {
  readonly name: string;
  readonly recording: Recording;
  readonly said: Replayed;
}

const judged: readonly Judged[] = FILES.map((file) => {
  const recording = readRecording(file);
  return { name: basename(file, ".recording"), recording, said: replay(recording) };
});

function linesOf({ name, recording, said }: Judged): string[] {
  const found = recording.truths.map(({ code, subject, cause }, i) => {
    const answer = said.found[i];
    if (!answer) return `${name}: ${code} ${subject}: NOT FOUND`;
    const { afterSeconds, sinceErrorSeconds } = answer;
    const why = answer.cause === cause ? cause : `${answer.cause}, NOT ${cause}`;
    return `${name}: ${code} ${subject}: found after ${Math.round(afterSeconds)} s, since is ${Math.round(sinceErrorSeconds)} s off, cause ${why}`;
  });
  return [...found, ...said.wrong.map((text) => `${name}: WRONG ${text}`)];
}

function shares(all: readonly Judged[]) {
  const truths = all.flatMap(({ recording, said }) =>
    recording.truths.map((truth, i) => ({ truth, answer: said.found[i] })),
  );
  const found = truths.filter(({ answer }) => answer !== undefined);
  const causes = found.filter(({ truth, answer }) => answer!.cause === truth.cause);
  const wrong = all.flatMap(({ said }) => said.wrong);
  return {
    truths: truths.length,
    recall: found.length / Math.max(1, truths.length),
    precision: found.length / Math.max(1, found.length + wrong.length),
    causes: causes.length / Math.max(1, found.length),
  };
}

const SETS = [
  { set: "all recordings", of: judged },
  { set: "recordings that nothing was tuned on", of: judged.filter(({ recording }) => recording.isNeverTunedOn) },
] as const;

test.each(SETS)("of $set the judge names what was broken, since when and why, and nothing else", ({ set, of }) => {
  const { truths, recall, precision, causes } = shares(of);
  const inWords = `${of.length} ${set}, ${truths} faults: recall ${recall.toFixed(2)}, precision ${precision.toFixed(2)}, first cause right ${causes.toFixed(2)}`;
  const lines = of.flatMap(linesOf);
  process.stdout.write(`${set === "all recordings" ? `${lines.join("\n")}\n` : ""}${inWords}\n`);
  expect(of.length).toBeGreaterThan(0);
  expect({ recall: recall >= BAR, precision: precision >= BAR, causes: causes >= BAR }, lines.join("\n")).toEqual({
    recall: true,
    precision: true,
    causes: true,
  });
});

test("a third of the recordings is of those that nothing was tuned on", () => {
  expect(judged.filter(({ recording }) => recording.isNeverTunedOn).length * 3).toBeGreaterThanOrEqual(judged.length);
});

test("findings begin when the fault did", () => {
  const answers = judged.flatMap(({ said }) => said.found.filter((answer) => answer !== undefined));
  const right = answers.filter(({ sinceErrorSeconds }) => Math.abs(sinceErrorSeconds) <= SINCE_WITHIN_SECONDS);
  expect(right.length).toBeGreaterThanOrEqual(BEGINNINGS * answers.length);
});

test.each(judged.map(({ name, said }) => [name, said] as const))("findings of %s do not flap", (_, { flapped }) => {
  expect(flapped).toEqual([]);
});
