// What a run of vitest came to, as somebody reads it who sees the end of a log only.
import type { SerializedError, TestCase, TestModule, TestSuite } from "vitest/node";

export interface Summary {
  readonly passed: number;
  /** Tests that failed, and tests that never ran because the set-up of their file or suite failed. */
  readonly failed: number;
  readonly skipped: number;
  /** What failed, with its message. */
  readonly failures: readonly string[];
  /** Passed, but only when tried again. */
  readonly secondTry: readonly string[];
  /** Why tests were skipped that the machine did not let run → how many. */
  readonly wanted: Readonly<Record<string, number>>;
}

export const NOTHING: Summary = { passed: 0, failed: 0, skipped: 0, failures: [], secondTry: [], wanted: {} };

/** Written into the names of tests by test/support/needs.ts: `[skipped for want of …]`. */
const WANTED = /\[skipped for want of (.+?)\]/s;

export function summarize(
  modules: readonly TestModule[],
  unhandled: readonly SerializedError[],
  root: string,
): Summary {
  const parts = [
    ...modules.flatMap((module) => {
      const file = module.moduleId.replace(root, "");
      return [...hooksOf(module, file), ...[...module.children.allTests()].map((test) => ofTest(test, file))];
    }),
    ...unhandled.map((error) => failure(`outside of any test\n${error.message}`)),
  ];
  return add(parts);
}

export function add(parts: readonly Partial<Summary>[]): Summary {
  const sum = (count: "passed" | "failed" | "skipped") => parts.reduce((total, part) => total + (part[count] ?? 0), 0);
  const wanted: Record<string, number> = {};
  for (const [why, tests] of parts.flatMap((part) => Object.entries(part.wanted ?? {})))
    wanted[why] = (wanted[why] ?? 0) + tests;
  return {
    passed: sum("passed"),
    failed: sum("failed"),
    skipped: sum("skipped"),
    failures: parts.flatMap((part) => part.failures ?? []),
    secondTry: parts.flatMap((part) => part.secondTry ?? []),
    wanted,
  };
}

const failure = (text: string, tests = 1): Partial<Summary> => ({ failed: tests, failures: [text] });

/** A file or suite whose hooks failed: one failure, as many as the tests that it kept from running. */
function hooksOf(module: TestModule, file: string): Partial<Summary>[] {
  return [module, ...module.children.allSuites()].flatMap((place) => {
    const errors = place.errors().map(({ message }) => message);
    if (errors.length === 0) return [];
    const kept = [...place.children.allTests()].filter((test) => lostTo(test) === place).length;
    const name = place.type === "suite" ? `: ${place.fullName}` : "";
    const what =
      kept > 0 ? ` (set-up; ${kept} test${kept === 1 ? "" : "s"} did not run)` : " (not a test: a hook, or loading it)";
    return [failure(`${file}${name}${what}\n${errors.join("\n")}`, Math.max(1, kept))];
  });
}

/** The innermost file or suite whose set-up kept this test from running; undefined for one that ran or was meant to be skipped. */
function lostTo(test: TestCase): TestModule | TestSuite | undefined {
  if (test.result().state === "passed" || test.result().state === "failed" || test.options.mode !== "run")
    return undefined;
  for (let place: TestModule | TestSuite = test.parent; ; place = place.parent) {
    if (place.errors().length > 0) return place;
    if (place.type === "module") return undefined;
  }
}

function ofTest(test: TestCase, file: string): Partial<Summary> {
  const { state, errors } = test.result();
  const messages = (errors ?? []).map(({ message, stack }) => stack ?? message);
  switch (state) {
    case "passed":
      return test.diagnostic()?.flaky === true
        ? { passed: 1, secondTry: [`${file}: ${test.fullName}\n${(errors?.[0]?.message ?? "").split("\n")[0]}`] }
        : { passed: 1 };
    case "failed":
      return failure(`${file}: ${test.fullName}\n${messages.join("\n")}`);
    case "skipped":
    case "pending": {
      if (lostTo(test)) return {};
      const [, why] = WANTED.exec(test.fullName) ?? [];
      return { skipped: 1, ...(why === undefined ? {} : { wanted: { [why]: 1 } }) };
    }
  }
}

/** For the end of a log. */
export function report({ passed, failed, skipped, failures, secondTry, wanted }: Summary): string {
  const section = (title: string, lines: readonly string[]) => (lines.length === 0 ? [] : ["", title, ...lines]);
  return [
    ...section(
      "Skipped for want of what this machine does not have or allow:",
      Object.entries(wanted).map(([why, tests]) => `  ${tests} for ${why}`),
    ),
    ...section(
      "Passed only at the second try:",
      secondTry.map((text) => `  ${text.replaceAll("\n", "\n    ")}`),
    ),
    ...failures.map((text) => `\nFAILED ${text}`),
    "",
    `${passed} passed, ${failed} failed, ${skipped} skipped`,
  ].join("\n");
}
