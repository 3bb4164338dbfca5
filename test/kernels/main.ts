// `npm run test:kernels`: what the agent claims of kernels, on kernels of several ages, emulated.
import { readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { table } from "../../agent/cli/text-table.ts";
import { readOptions, runCommand } from "../../scripts/command-line.ts";
import { add, NOTHING, report } from "../../scripts/test/summary.ts";
import { ensurePackages } from "../../scripts/tools/debian.ts";
import { kernelsPage, recorded, type RecordedMachine } from "./document.ts";
import { heard, type FileResult } from "./console.ts";
import { GUEST_PACKAGES, runGuest } from "./guest.ts";
import { ensureKernel, KERNELS, type KernelName } from "./kernels.ts";
import { imageFiles } from "./image.ts";
import { FILES, IMAGE_FILE, SMOKE, suiteScript, type Suite } from "./suite.ts";

const NAMES = Object.keys(KERNELS) as readonly KernelName[];
const LIMIT_MS = 30 * 60_000;
const RECORD = fileURLToPath(new URL("record.json", import.meta.url));
const PAGE = fileURLToPath(new URL("../../docs/kernels.md", import.meta.url));
/** What a machine that told nothing had to say is in its last lines. */
const LAST_LINES = 30;

const HELP = `Runs the tests of the engine on Debian's kernels, in emulated machines: npm run test:kernels [-- OPTIONS]

  --kernel NAME    only this one; may be given again: ${NAMES.join(", ")} (default: all)
  --file WORD      only test files whose path has this in it; may be given again
  --image FILE     archive that npm run image wrote (default: built, when a file needs it)
  --record         keep the results in ${relative(process.cwd(), RECORD)} and write docs/kernels.md from them
  --console        print whatever the machines print as well
  --smoke          one kernel (6.1) and the contract of the kernel engine: about two minutes on an idle machine

Needs root and Debian, and no KVM. Installs QEMU. Fetches kernels that are not there yet as Debian packages into
~/.cache/internode/kernels (INTERNODE_KERNELS), 130 MB each. Emulation takes all the processor it gets: with nice -n 19 it
takes what others leave.`;

interface MachineResult {
  readonly kernel: string;
  readonly architecture: "amd64" | "arm64";
  readonly files: readonly FileResult[];
  readonly tookS: number;
}

// What the machines and the image leave behind goes when the process exits, and so it must exit by itself.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => process.exit(128 + constants.signals[signal]));

const values = readOptions("test:kernels", HELP, {
  kernel: { type: "string", multiple: true },
  file: { type: "string", multiple: true },
  image: { type: "string" },
  record: { type: "boolean", default: false },
  console: { type: "boolean", default: false },
  smoke: { type: "boolean", default: false },
});
await runCommand("test:kernels", async () => {
  if (values.smoke && values.record) throw new RangeError("--record keeps whole files, and --smoke runs part of one");
  const names = values.kernel ?? (values.smoke ? ["6.1"] : NAMES);
  const unknown = names.filter((name) => !(name in KERNELS));
  if (unknown.length > 0) throw new RangeError(`no such kernel: ${unknown.join(", ")}; there are ${NAMES.join(", ")}`);
  const files = (values.smoke ? SMOKE.files : FILES).filter(
    (file: string) => values.file === undefined || values.file.some((word) => file.includes(word)),
  );
  if (files.length === 0) throw new RangeError(`--file ${values.file?.join(" ")}: there are ${FILES.join(", ")}`);
  await ensurePackages(GUEST_PACKAGES, console.log);
  using image = files.includes(IMAGE_FILE) ? await imageFiles(values.image, console.log) : undefined;
  const results: MachineResult[] = [];
  for (const name of names as readonly KernelName[]) {
    const tests = values.smoke ? SMOKE.tests : undefined;
    results.push(await testOn(name, { files, tests, image: image?.folder }));
  }
  console.log(
    `\n${table([
      ["KERNEL", "PASSED", "FAILED", "SKIPPED", "SECONDS"],
      ...results.map(({ kernel, files, tookS }) => {
        const { passed, failed, skipped } = add(files.map(({ summary }) => summary));
        return [kernel, passed, failed, skipped, tookS.toFixed(0)].map(String);
      }),
    ])}`,
  );
  if (values.record) for (const result of results) record(result);
  const summary = add(results.flatMap(({ files }) => files.map(({ summary }) => summary)));
  console.log(report(summary));
  // For who runs many of these (.ci/run).
  const into = process.env["TEST_SUMMARY"];
  if (into !== undefined) writeFileSync(into, JSON.stringify(summary));
  if (summary.failed > 0 || summary.passed === 0) process.exitCode = 1;
});

async function testOn(name: KernelName, suite: Suite): Promise<MachineResult> {
  const kernel = await ensureKernel(name, console.log);
  console.log(`kernels: ${kernel.release} boots`);
  const started = performance.now();
  const tookS = () => (performance.now() - started) / 1000;
  const files: FileResult[] = [];
  const lines: string[] = [];
  const ended = await runGuest({
    kernel,
    script: suiteScript(suite),
    limitMs: LIMIT_MS,
    onLine(line) {
      const result = heard(line);
      if (result === undefined) {
        if (values.console) console.log(line);
        lines.push(line);
        return;
      }
      files.push(result);
      const { passed, failed, skipped } = result.summary;
      const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`;
      console.log(`kernels: ${kernel.release}, ${tookS().toFixed(0)} s: ${result.file}: ${counts}`);
    },
  });
  const words = lines.slice(-LAST_LINES).join("\n");
  for (const file of suite.files.filter((file) => !files.some((result) => result.file === file))) {
    const failure = `${file}: the machine told nothing of it, and ${ended}. Its last words:\n${words}`;
    files.push({ file, tests: [], summary: { ...NOTHING, failed: 1, failures: [failure] } });
  }
  return {
    kernel: kernel.release,
    architecture: "amd64",
    files: files.map((file) => on(kernel.release, file)),
    tookS: tookS(),
  };
}

function record({ kernel, architecture, files }: MachineResult): void {
  const before = JSON.parse(readFileSync(RECORD, "utf8")) as readonly RecordedMachine[];
  const now: RecordedMachine = {
    kernel,
    architecture,
    date: new Date().toISOString().slice(0, 10),
    files: files.map(({ file, tests }) => ({ file, tests })),
  };
  const all = recorded(before, now);
  writeFileSync(RECORD, `${JSON.stringify(all, null, 1)}\n`);
  writeFileSync(PAGE, kernelsPage(all));
}

/** Failures with the kernel's name in front. */
function on(kernel: string, { summary, ...rest }: FileResult): FileResult {
  const named = (texts: readonly string[]) => texts.map((text) => `on ${kernel}: ${text}`);
  return {
    ...rest,
    summary: { ...summary, failures: named(summary.failures), secondTry: named(summary.secondTry) },
  };
}
