// A lab's directory under the machine's temporary one: who runs it, its agents' configurations, logs and sockets. What
// a clean-up needs after a crash is written here before anything is made.
import { randomBytes } from "node:crypto";
import { lstat, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LabError } from "./machine.ts";
import { LAB_ID, LAB_PREFIX } from "./plan.ts";
import { isRunning, stampOf, type ProcessStamp } from "./process-stamp.ts";

/** `namespaces`: the whole lab. `loopback`: agents on 127.0.0.x, nothing but processes. */
export type LabKind = "namespaces" | "loopback";

/** `lab.json`. */
interface LabRecord {
  readonly schemaVersion: 1;
  readonly id: string;
  readonly kind: LabKind;
  readonly owner: ProcessStamp;
  readonly createdAt: string;
}

/** A lab that is on this machine: running, or left behind by an owner that is gone. */
export interface FoundLab extends LabRecord {
  readonly directory: string;
  readonly running: boolean;
}

export interface RunDirectory extends AsyncDisposable {
  readonly id: string;
  readonly path: string;
}

export async function createRunDirectory(kind: LabKind): Promise<RunDirectory> {
  const id = randomBytes(3).toString("hex");
  const path = directoryOf(id);
  // Not recursive: it must be ours and new.
  await mkdir(path, { mode: 0o700 }).catch((err: Error) => {
    throw new LabError(
      `cannot make the lab's directory ${path}: ${err.message}. Set TMPDIR to a directory you may write to.`,
    );
  });
  const record: LabRecord = {
    schemaVersion: 1,
    id,
    kind,
    owner: await stampOf(process.pid),
    createdAt: new Date().toISOString(),
  };
  await writeFile(join(path, "lab.json"), `${JSON.stringify(record, null, 2)}\n`);
  return { id, path, [Symbol.asyncDispose]: () => removeRunDirectory(path) };
}

export const directoryOf = (id: string): string => join(tmpdir(), `${LAB_PREFIX}${id}`);
export const controlSocketOf = (directory: string): string => join(directory, "control.sock");

export async function removeRunDirectory(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}

/** All labs of this user on this machine, oldest first. */
export async function findLabs(): Promise<FoundLab[]> {
  const names = (await readdir(tmpdir())).filter(
    (name) => name.startsWith(LAB_PREFIX) && LAB_ID.test(name.slice(LAB_PREFIX.length)),
  );
  const labs = await Promise.all(names.map((name) => readLab(name.slice(LAB_PREFIX.length))));
  return labs.filter((lab) => lab !== undefined).sort((a, b) => a.createdAt.localeCompare(b.createdAt));
}

async function readLab(id: string): Promise<FoundLab | undefined> {
  const directory = directoryOf(id);
  // The temporary directory is everybody's: a directory that is not ours says nothing that we would act on.
  const stat = await lstat(directory).catch(() => undefined);
  if (!stat?.isDirectory() || stat.uid !== process.geteuid?.()) return undefined;
  const text = await readFile(join(directory, "lab.json"), "utf8").catch(() => "");
  const record = parseRecord(id, text) ?? unreadable(id, stat.birthtime);
  return { ...record, directory, running: await isRunning(record.owner) };
}

function parseRecord(id: string, text: string): LabRecord | undefined {
  try {
    const record = JSON.parse(text) as Partial<LabRecord> | null;
    const isWhole =
      record?.schemaVersion === 1 &&
      record.id === id &&
      typeof record.owner?.pid === "number" &&
      typeof record.createdAt === "string";
    return isWhole ? (record as LabRecord) : undefined;
  } catch {
    return undefined;
  }
}

/** A directory whose owner ended before it could write who it is. */
function unreadable(id: string, created: Date): LabRecord {
  return {
    schemaVersion: 1,
    id,
    kind: "namespaces",
    owner: { pid: 0, started: "", boot: "" },
    createdAt: created.toISOString(),
  };
}
