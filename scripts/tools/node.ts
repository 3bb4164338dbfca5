// Other versions of Node.js, as a machine may have them: out of the npm packages that carry the program.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { CACHE } from "./cache.ts";

const VERSIONS = { 20: "20.20.2", 22: "22.23.3" } as const;
export type OtherNode = keyof typeof VERSIONS;
export const OTHER_NODES = [20, 22] as const satisfies readonly OtherNode[];

const folderOf = (major: OtherNode): string => join(CACHE, `node-${VERSIONS[major]}`);
const programIn = (folder: string): string => join(folder, `node_modules/node-linux-${process.arch}/bin/node`);

/** Where it is, or undefined while nobody has fetched it. */
export function fetchedNode(major: OtherNode): string | undefined {
  const program = programIn(folderOf(major));
  return existsSync(program) ? program : undefined;
}

/** Where it is, fetched first where it is not there yet. */
export async function ensureNode(major: OtherNode): Promise<string> {
  const folder = folderOf(major);
  if (existsSync(programIn(folder))) return programIn(folder);
  const fetching = `${folder}.${process.pid}`;
  await mkdir(fetching, { recursive: true });
  try {
    const what = `node-linux-${process.arch}@${VERSIONS[major]}`;
    await promisify(execFile)("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--prefix", fetching, what]);
    await rm(folder, { recursive: true, force: true });
    await rename(fetching, folder);
  } finally {
    await rm(fetching, { recursive: true, force: true });
  }
  return programIn(folder);
}
