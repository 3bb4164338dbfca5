// Where built programs are kept: outside the checkout, one folder for each recipe and version, complete or absent.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { goBuild } from "./go-build.ts";
import { RECIPES, type Recipe, type ToolName } from "./recipes.ts";

export const CACHE = process.env["TOOLS_CACHE"] ?? join(homedir(), ".cache/internode/tools");

export interface EnsureOptions {
  readonly parallel?: number | undefined;
  readonly log?: (line: string) => void;
}

/** Program name → absolute path, building what the cache does not have. */
export async function ensureTools(
  names: readonly ToolName[],
  options: EnsureOptions = {},
): Promise<Readonly<Record<string, string>>> {
  const paths: Record<string, string> = {};
  for (const name of names) {
    const bin = join(await ensureTool(name, options), "bin");
    for (const program of programsOf(RECIPES[name])) paths[program] = join(bin, program);
  }
  return paths;
}

/** The folder that a recipe keeps beside its programs. */
export async function ensureShare(name: ToolName, options: EnsureOptions = {}): Promise<string> {
  return join(await ensureTool(name, options), "share");
}

/** The same as ensureTools for what the cache has already, or undefined when one is missing: for tests that may be skipped. */
export function builtTools(names: readonly ToolName[]): Readonly<Record<string, string>> | undefined {
  if (!names.every((name) => existsSync(folderOf(name)))) return undefined;
  return Object.fromEntries(
    names.flatMap((name) =>
      programsOf(RECIPES[name]).map((program) => [program, join(folderOf(name), "bin", program)]),
    ),
  );
}

const folderOf = (name: ToolName): string =>
  join(CACHE, `${name}-${RECIPES[name].version}-${fingerprint(RECIPES[name])}`);

async function ensureTool(name: ToolName, { parallel, log = () => {} }: EnsureOptions): Promise<string> {
  const recipe = RECIPES[name];
  const folder = folderOf(name);
  if (existsSync(folder)) return folder;
  await mkdir(CACHE, { recursive: true });
  await using held = new AsyncDisposableStack();
  held.use(await lock(`${folder}.lock`));
  if (existsSync(folder)) return folder;

  const started = performance.now();
  log(`tools: building ${name} ${recipe.version}`);
  const building = `${folder}.building`;
  await rm(building, { recursive: true, force: true });
  try {
    await mkdir(building, { recursive: true });
    await goBuild({ recipe, folder: building, parallel });
    await rename(building, folder);
  } catch (error) {
    await rm(building, { recursive: true, force: true });
    throw new Error(`building ${name} ${recipe.version} failed: ${(error as Error).message}`, { cause: error });
  }
  log(`tools: built ${name} ${recipe.version} in ${((performance.now() - started) / 1000).toFixed(0)} s`);
  return folder;
}

function programsOf(recipe: Recipe): readonly string[] {
  return recipe.main === undefined ? Object.keys(recipe.programs) : [recipe.main.program];
}

/** A recipe that changes at the same version must not find the old programs. */
function fingerprint(recipe: Recipe): string {
  return createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 8);
}

/** One builder at a time for each folder, so that two test runs do not compile the same thing twice. */
async function lock(path: string): Promise<AsyncDisposable> {
  for (;;) {
    try {
      const file = await open(path, "wx");
      await file.writeFile(String(process.pid));
      await file.close();
      return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = Number(await readFile(path, "utf8").catch(() => "0"));
    if (holder > 0 && !existsSync(`/proc/${holder}`)) await rm(path, { force: true });
    else await sleep(500);
  }
}
