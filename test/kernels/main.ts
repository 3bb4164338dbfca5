// `npm run test:kernels`: what the agent claims of kernels, on kernels of several ages, emulated.
import { readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { readOptions, runCommand } from "../../scripts/command-line.ts";
import { add, report } from "../../scripts/test/summary.ts";
import { ensurePackages } from "../../scripts/tools/debian.ts";
import { kernelsPage, recorded, type RecordedMachine } from "./document.ts";
import type { Architecture } from "../../scripts/image/architecture.ts";
import { GUEST_PACKAGES, PROCESSORS } from "./guest.ts";
import { KERNELS, type KernelName } from "./kernels.ts";
import { imageFiles, type ImageOrigin } from "./image.ts";
import { testOn, resultTable, type MachineResult } from "./machine.ts";
import { FILES, IMAGE_FILE, SMOKE } from "./suite.ts";

const NAMES = Object.keys(KERNELS) as readonly KernelName[];
const RECORD = fileURLToPath(new URL("record.json", import.meta.url));
const PAGE = fileURLToPath(new URL("../../docs/kernels.md", import.meta.url));

const HELP = `Runs the tests of the engine on Debian's kernels, in emulated machines: npm run test:kernels [-- OPTIONS]

  --kernel NAME    only this one; may be given again: ${NAMES.join(", ")} (default: all)
  --file WORD      only test files whose path has this in it; may be given again
  --tests PATTERN  only tests whose full name matches this regular expression
  --image FILE     archive that npm run image wrote, one for each processor (default: built, when a file needs it)
  --record         keep the results in ${relative(process.cwd(), RECORD)} and write docs/kernels.md from them
  --console        print whatever the machines print as well
  --smoke          one kernel (6.1) and the contract of the kernel engine: about two minutes on an idle machine

Needs root and Debian, and no KVM. Installs QEMU. Fetches kernels that are not there yet as Debian packages into
~/.cache/internode/kernels (INTERNODE_KERNELS), 130 MB each. Emulation takes all the processor it gets: with nice -n 19 it
takes what others leave. The machines read this checkout while they run: leave its files as they are until then.`;

// What the machines and the image leave behind goes when the process exits, and so it must exit by itself.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => process.exit(128 + constants.signals[signal]));

const values = readOptions("test:kernels", HELP, {
  kernel: { type: "string", multiple: true },
  file: { type: "string", multiple: true },
  tests: { type: "string" },
  image: { type: "string", multiple: true },
  record: { type: "boolean", default: false },
  console: { type: "boolean", default: false },
  smoke: { type: "boolean", default: false },
});
await runCommand("test:kernels", async () => {
  const asked = values.kernel ?? (values.smoke ? ["6.1"] : NAMES);
  const unknown = asked.filter((name) => !(name in KERNELS));
  if (unknown.length > 0) throw new RangeError(`no such kernel: ${unknown.join(", ")}; there are ${NAMES.join(", ")}`);
  const names = asked as readonly KernelName[];
  const { files: all, tests } = values.smoke ? SMOKE : { files: FILES, tests: values.tests };
  const files = all.filter((file) => values.file === undefined || values.file.some((word) => file.includes(word)));
  if (files.length === 0) throw new RangeError(`--file ${values.file?.join(" ")}: there are ${FILES.join(", ")}`);

  const architectures = [...new Set(names.map((name) => KERNELS[name].architecture))];
  for (const packages of [GUEST_PACKAGES, ...architectures.map((one) => PROCESSORS[one].packages)])
    await ensurePackages(packages, console.log);
  using images = files.includes(IMAGE_FILE) ? await openImages(architectures, values.image ?? []) : undefined;
  const results: MachineResult[] = [];
  for (const name of names) {
    const image = images?.folders.get(KERNELS[name].architecture);
    const watch = (line: string) => void (values.console && console.log(line));
    const onFile = (told: MachineResult) => void (values.record && record(told));
    results.push(await testOn(name, { files, tests, image, log: console.log, onFile, console: watch }));
  }
  console.log(`\n${resultTable(results)}`);
  const summary = add(results.flatMap(({ files }) => files.map(({ summary }) => summary)));
  console.log(report(summary));
  // For who runs many of these (.ci/run).
  const into = process.env["TEST_SUMMARY"];
  if (into !== undefined) writeFileSync(into, JSON.stringify(summary));
  if (summary.failed > 0 || summary.passed === 0) process.exitCode = 1;
});

interface Images extends Disposable {
  readonly folders: ReadonlyMap<Architecture, string>;
}

/** For each processor the archive that is for it, or one that is built. */
async function openImages(wanted: readonly Architecture[], archives: readonly string[]): Promise<Images> {
  using stack = new DisposableStack();
  const folders = new Map<Architecture, string>();
  const add = async (origin: ImageOrigin): Promise<void> => {
    const { architecture, folder } = stack.use(await imageFiles(origin, console.log));
    folders.set(architecture, folder);
  };
  for (const archive of archives) await add({ archive });
  for (const architecture of wanted.filter((one) => !folders.has(one))) await add({ architecture });
  const all = stack.move();
  return { folders, [Symbol.dispose]: () => all.dispose() };
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
