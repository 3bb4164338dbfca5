// A reporter for vitest in the emulated machine: lines on its console as soon as a file has ended. What came before a machine
// died is not lost.
import { fileURLToPath } from "node:url";
import type { Reporter, SerializedError, TestCase, TestModule } from "vitest/node";
import { summarize } from "../../scripts/test/summary.ts";
import { say, type TestResult } from "./console.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export default class ConsoleReporter implements Reporter {
  /** For who watches the console. */
  onTestCaseResult(test: TestCase): void {
    const { state, errors = [] } = test.result();
    process.stdout.write(`${[`${state} ${test.fullName}`, ...errors.map(({ message }) => message)].join("\n")}\n`);
  }

  onTestModuleEnd(module: TestModule): void {
    const file = module.moduleId.replace(ROOT, "");
    const tests = [...module.children.allTests()].map(resultOf);
    const summary = summarize([module], [], ROOT);
    // Hooks have told nobody yet.
    process.stdout.write(`${summary.failures.join("\n")}\n`);
    say({ file, summary, tests });
  }

  /** What kept files from being run at all is theirs to tell. */
  onTestRunEnd(_modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    for (const { message } of errors) process.stdout.write(`${message}\n`);
  }
}

function resultOf(test: TestCase): TestResult {
  const { state, errors } = test.result();
  const why = errors?.[0]?.message.split("\n")[0];
  return { name: test.fullName, state, ...(why === undefined ? {} : { why }) };
}
