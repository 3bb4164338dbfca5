// One emulated machine from its packages to its results.
import { table } from "../../agent/cli/text-table.ts";
import type { Architecture } from "../../scripts/image/architecture.ts";
import { add, NOTHING } from "../../scripts/test/summary.ts";
import { heard, type FileResult } from "./console.ts";
import { runGuest } from "./guest.ts";
import { ensureKernel, type KernelName } from "./kernels.ts";
import { rootOf } from "./root.ts";
import { suiteScript } from "./suite.ts";

const LIMIT_MS = 90 * 60_000;
/** What a machine that told nothing had to say is in its last lines. */
const LAST_LINES = 30;

export interface MachineResult {
  readonly kernel: string;
  readonly architecture: Architecture;
  readonly files: readonly FileResult[];
  readonly tookS: number;
}

export interface MachineOptions {
  readonly files: readonly string[];
  /** Only tests whose full name matches this. */
  readonly tests: string | undefined;
  /** Folder with the image's files. */
  readonly image: string | undefined;
  readonly log: (line: string) => void;
  /** As soon as it has told of a file: of one that is killed later this is not lost. */
  readonly onFile: (machine: MachineResult) => void;
  /** Whatever else it prints. */
  readonly console: (line: string) => void;
}

export async function testOn(name: KernelName, options: MachineOptions): Promise<MachineResult> {
  const { files: wanted, tests, image, log } = options;
  const kernel = await ensureKernel(name, log);
  const { architecture, release } = kernel;
  const root = await rootOf(architecture, log);
  log(`kernels: ${release} boots`);
  const started = performance.now();
  const tookS = () => (performance.now() - started) / 1000;
  const files: FileResult[] = [];
  const lines: string[] = [];
  const ended = await runGuest({
    kernel,
    shares: [...root.shares, ...(image === undefined || root.hasOwnFiles ? [] : [{ path: image, at: image }])],
    script: suiteScript({ files: wanted, tests, node: root.node, image }),
    limitMs: LIMIT_MS,
    onLine(line) {
      const result = heard(line);
      if (result === undefined) {
        options.console(line);
        lines.push(line);
        return;
      }
      files.push(result);
      options.onFile({ kernel: release, architecture, files: [result], tookS: tookS() });
      const { passed, failed, skipped } = result.summary;
      const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`;
      log(`kernels: ${release}, ${tookS().toFixed(0)} s: ${result.file}: ${counts}`);
    },
  });
  const words = lines.slice(-LAST_LINES).join("\n");
  for (const file of wanted.filter((file) => !files.some((result) => result.file === file))) {
    const failure = `${file}: the machine told nothing of it, and ${ended}. Its last words:\n${words}`;
    files.push({ file, tests: [], summary: { ...NOTHING, failed: 1, failures: [failure] } });
  }
  return { kernel: release, architecture, files: files.map((file) => on(release, file)), tookS: tookS() };
}

/** Failures with the kernel's name in front. */
function on(kernel: string, { summary, ...rest }: FileResult): FileResult {
  const named = (texts: readonly string[]) => texts.map((text) => `on ${kernel}: ${text}`);
  return {
    ...rest,
    summary: { ...summary, failures: named(summary.failures), secondTry: named(summary.secondTry) },
  };
}

export const resultTable = (results: readonly MachineResult[]): string =>
  table([
    ["KERNEL", "PROCESSOR", "PASSED", "FAILED", "SKIPPED", "SECONDS"],
    ...results.map(({ kernel, architecture, files, tookS }) => {
      const { passed, failed, skipped } = add(files.map(({ summary }) => summary));
      return [kernel, architecture, passed, failed, skipped, tookS.toFixed(0)].map(String);
    }),
  ]);
