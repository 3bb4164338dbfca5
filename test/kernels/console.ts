// What an emulated machine tells through its serial console, the only way out of it: a line of JSON among whatever else is
// printed there.
import type { Summary } from "../../scripts/test/summary.ts";

export interface TestResult {
  readonly name: string;
  readonly state: string;
  /** First line of what a failed one said. */
  readonly why?: string;
}

export interface FileResult {
  readonly file: string;
  readonly summary: Summary;
  readonly tests: readonly TestResult[];
}

const MARK = "RESULT ";

/** In the machine. The line begins anew, whatever the kernel has just printed. */
export const say = (result: FileResult): void => void process.stdout.write(`\n${MARK}${JSON.stringify(result)}\n`);

/** Undefined for any other line. */
export function heard(line: string): FileResult | undefined {
  return line.startsWith(MARK) ? (JSON.parse(line.slice(MARK.length)) as FileResult) : undefined;
}
