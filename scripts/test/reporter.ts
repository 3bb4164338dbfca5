// A reporter for vitest: leaves the summary of a run in the file that TEST_SUMMARY names.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Reporter, SerializedError, TestModule } from "vitest/node";
import { summarize } from "./summary.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const file = process.env["TEST_SUMMARY"];
    if (file !== undefined) writeFileSync(file, JSON.stringify(summarize(modules, unhandled, ROOT)));
  }
}
