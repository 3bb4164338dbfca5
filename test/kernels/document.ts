// docs/kernels.md: what works on which kernel, from what the machines told.
import type { FileResult } from "./console.ts";
import { CLAIMS, impossible, shown, type Claim } from "./claims.ts";

/** What is kept of a run: test/kernels/record.json. */
export interface RecordedMachine {
  /** As `uname -r` says it. */
  readonly kernel: string;
  readonly architecture: string;
  /** Day of the run: 2026-11-27. */
  readonly date: string;
  readonly files: readonly Pick<FileResult, "file" | "tests">[];
}

/** The new machine's results take the place of those of its last run; of a test that was left out now the last one stays. */
export function recorded(before: readonly RecordedMachine[], now: RecordedMachine): readonly RecordedMachine[] {
  const isSame = ({ kernel, architecture }: RecordedMachine) =>
    kernel === now.kernel && architecture === now.architecture;
  const last = before.find(isSame)?.files ?? [];
  const names = new Set([...last, ...now.files].map(({ file }) => file));
  const files = [...names].toSorted().map((file) => {
    const testsOf = (all: RecordedMachine["files"]) => all.find((one) => one.file === file)?.tests ?? [];
    const tests = new Map(testsOf(last).map((test) => [test.name, test]));
    for (const test of testsOf(now.files))
      if (test.state !== "skipped" || !tests.has(test.name)) tests.set(test.name, test);
    return { file, tests: [...tests.values()] };
  });
  return [...before.filter((machine) => !isSame(machine)), { ...now, files }].toSorted(
    (a, b) => a.architecture.localeCompare(b.architecture) || byNumbers(a.kernel, b.kernel),
  );
}

const byNumbers = (a: string, b: string): number => a.localeCompare(b, "en", { numeric: true });

const SECOND_TRY = `Passed at the second try. An emulated machine is starved at times: a probe that gets no turn is lost or late.
And a kernel switches its receive stamps on in the background, so that the first packets of a socket may have none:`;

export function kernelsPage(machines: readonly RecordedMachine[]): string {
  const header = ["engine", "what works", ...machines.map(({ kernel, architecture }) => `${kernel}, ${architecture}`)];
  const rows = CLAIMS.map((claim) => [claim.engine, claim.claim, ...machines.map((machine) => cell(claim, machine))]);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const withWhy = (wanted: string) =>
    machines.flatMap(({ kernel, architecture, files }) =>
      files
        .flatMap(({ tests }) => tests)
        .filter(({ state, why }) => state === wanted && (why !== undefined || state === "failed"))
        .map(({ name, why }) => `- ${kernel}, ${architecture}: ${name}: ${why ?? "no word of why"}`),
    );
  const failures = withWhy("failed");
  // What passed and says why did not pass at once.
  const secondTries = withWhy("passed");
  const reasons = impossible(machines.flatMap(({ files }) => files)).map(
    ({ subject, sentences, reason }) => `| ${subject} | ${sentences.join("; ")} | ${reason} |`,
  );
  const days = [...new Set(machines.map(({ date }) => date))].toSorted();
  return [
    "# Kernels and processors",
    "",
    "Written by `npm run test:kernels -- --record`, which boots Debian's kernels in emulated machines and runs the tests of the",
    "engines there, as root, between network namespaces. A cell has the number of tests that passed; `–`: not run there. Emulation is",
    "slow, so it shows what is right, not how fast it is: for figures see [benchmarks.md](benchmarks.md).",
    "",
    `Run on ${days.join(", ")}.`,
    "",
    line(header),
    line(header.map(() => "---")),
    ...rows.map(line),
    "",
    "## What does not work, and why",
    "",
    ...(failures.length > 0
      ? ["Failed in these runs, on machines that may have been starved:", "", ...failures, ""]
      : []),
    ...(secondTries.length > 0 ? [SECOND_TRY, "", ...secondTries, ""] : []),
    "On no kernel:",
    "",
    "| of | what cannot be shown | why |",
    "| --- | --- | --- |",
    ...reasons,
    "",
  ].join("\n");
}

function cell(claim: Claim, { files }: RecordedMachine): string {
  const seen = shown(claim, files);
  if (seen === undefined) return "–";
  const total = seen.passed + seen.failed.length;
  return seen.failed.length === 0 ? `yes (${total})` : `**no**: ${seen.failed.length} of ${total} failed`;
}
