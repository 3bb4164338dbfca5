// For which processor an image is, and how the Dockerfile's steps run on a machine that has another one: each program of
// theirs by QEMU's emulation of a process, which the kernel starts by itself (binfmt_misc, kernel/Documentation/admin-guide).
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { run } from "./command.ts";

/** As images name it. */
export const ARCHITECTURES = ["amd64", "arm64"] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

export function asArchitecture(text: string): Architecture {
  const architecture = ARCHITECTURES.find((name) => name === text);
  if (architecture === undefined) throw new RangeError(`there are ${ARCHITECTURES.join(" and ")}, not '${text}'`);
  return architecture;
}

/** As Node.js names it. */
export const NODE_ARCH = { amd64: "x64", arm64: "arm64" } as const satisfies Readonly<Record<Architecture, string>>;
export const OWN_ARCHITECTURE: Architecture = process.arch === "arm64" ? "arm64" : "amd64";

export const EMULATION_PACKAGES = {
  "qemu-user-static": "/usr/bin/qemu-aarch64-static",
  // mmdebstrap asks it.
  "arch-test": "/usr/bin/arch-test",
} as const;

const FOLDER = "/proc/sys/fs/binfmt_misc";
/** Ours, whatever else the machine has registered. */
const NAME = "internode-image";
const INTERPRETER: Readonly<Record<Architecture, { readonly program: string; readonly machine: string }>> = {
  amd64: { program: "/usr/bin/qemu-x86_64-static", machine: "\\x3e\\x00" },
  arm64: { program: "/usr/bin/qemu-aarch64-static", machine: "\\xb7\\x00" },
};

/** While it is there, programs of this architecture run here. Nothing to do for the machine's own. */
export async function emulated(architecture: Architecture): Promise<AsyncDisposable> {
  if (architecture === OWN_ARCHITECTURE) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  if (!existsSync(`${FOLDER}/register`)) await run("mount", ["-t", "binfmt_misc", "binfmt_misc", FOLDER]);
  await unregister();
  const { program, machine } = INTERPRETER[architecture];
  // An ELF program of 64 bits, little-endian, executable or shared, of this machine. F: the interpreter is opened now, and so
  // needs not be there after a change of root; C: a program keeps its own rights.
  const magic = `\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00${machine}`;
  const mask = `\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff`;
  await writeFile(`${FOLDER}/register`, `:${NAME}:M::${magic}:${mask}:${program}:FC`);
  return { [Symbol.asyncDispose]: unregister };
}

/** One that a killed build left behind counts as well. */
async function unregister(): Promise<void> {
  const entry = `${FOLDER}/${NAME}`;
  if (existsSync(entry) && (await readFile(entry, "utf8")).startsWith("enabled")) await writeFile(entry, "-1");
}
