// Builds one recipe with the Go toolchain: a small module of its own, because `go install X@v` refuses modules
// with replacements, and because ours pins the whole graph by minimal version selection.
import { execFile } from "node:child_process";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import type { Recipe } from "./recipes.ts";

const run = promisify(execFile);

interface GoBuild {
  readonly recipe: Recipe;
  /** Folder for the module; the programs end up in its `bin`, the recipe's `share` in its `share`. */
  readonly folder: string;
  /** Compilers at a time (go build -p); the Go tool's own default when absent. */
  readonly parallel?: number | undefined;
}

export async function goBuild({ recipe, folder, parallel }: GoBuild): Promise<void> {
  const bin = join(folder, "bin");
  await mkdir(bin, { recursive: true });
  await writeFile(join(folder, "go.mod"), await goMod(recipe, folder));
  const flags = ["build", "-mod=mod", "-trimpath", "-buildvcs=false", "-ldflags", `-s -w ${recipe.ldflags ?? ""}`];
  if (parallel !== undefined) flags.push("-p", String(parallel));
  if (recipe.tags !== undefined) flags.push("-tags", recipe.tags.join(","));

  if (recipe.main !== undefined) {
    await writeFile(join(folder, "main.go"), recipe.main.source);
    await go([...flags, "-o", join(bin, recipe.main.program), "."], folder);
  } else if (Object.keys(recipe.programs).length > 0) {
    await writeFile(join(folder, "tools.go"), toolsGo(Object.values(recipe.programs)));
    await go([...flags, "-o", `${bin}/`, ...Object.values(recipe.programs)], folder);
    for (const [program, source] of Object.entries(recipe.programs)) {
      const built = builtName(source);
      if (built !== program) await rename(join(bin, built), join(bin, program));
    }
  }
  if (recipe.share !== undefined) {
    const { Dir: source } = await download(recipe, folder);
    // Modules lie read-only in Go's cache; a copy must be removable.
    await run("cp", ["-r", "--no-preserve=mode", join(source, recipe.share), join(folder, "share")]);
  }
}

async function goMod(recipe: Recipe, folder: string): Promise<string> {
  const replacements = recipe.siblings === undefined ? [] : await siblingReplacements(recipe, folder);
  return [
    "module tools",
    "",
    // From 1.17 on the module graph is pruned: without this line every ancestor of every dependency is fetched.
    "go 1.26.0",
    "",
    `require ${recipe.module} ${recipe.version}`,
    ...replacements,
    "",
  ].join("\n");
}

/** `X => ./folder` in the module's go.mod becomes `X => X version`. */
async function siblingReplacements(recipe: Recipe, folder: string): Promise<readonly string[]> {
  const { GoMod: path } = await download(recipe, folder);
  const text = await readFile(path, "utf8");
  return [...text.matchAll(/^\s*(?:replace\s+)?(\S+) => \.\/\S+/gm)].map(
    ([, sibling]) => `replace ${sibling} => ${sibling} ${recipe.siblings}`,
  );
}

async function download(
  { module, version }: Recipe,
  folder: string,
): Promise<{ readonly Dir: string; readonly GoMod: string }> {
  const { stdout } = await go(["mod", "download", "-json", `${module}@${version}`], folder);
  return JSON.parse(stdout) as { readonly Dir: string; readonly GoMod: string };
}

/** Keeps the packages in the module's import graph, so that -mod=mod resolves everything they need. */
function toolsGo(packages: readonly string[]): string {
  const imports = packages.map((source) => `\t_ "${source}"`).join("\n");
  return `//go:build tools\n\npackage tools\n\nimport (\n${imports}\n)\n`;
}

/** The name `go build -o folder/` gives: the last path element that is not a major version. */
function builtName(source: string): string {
  return /^v\d+$/.test(basename(source)) ? basename(source.slice(0, source.lastIndexOf("/"))) : basename(source);
}

async function go(args: readonly string[], folder: string): Promise<{ readonly stdout: string }> {
  try {
    return await run("go", args, {
      cwd: folder,
      env: { ...process.env, CGO_ENABLED: "0", GOWORK: "off" },
      maxBuffer: 64 << 20,
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      throw new Error("go is not on the PATH: install Go 1.26 or newer from https://go.dev/dl/", { cause: error });
    }
    throw new Error(reasonOf((error as { readonly stderr?: string }).stderr ?? String(error)), { cause: error });
  }
}

const REASON_LINES = 12;

/** Of what Go wrote, what says why: not what it fetched on the way. */
export function reasonOf(stderr: string): string {
  const lines = stderr
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^go: (downloading|finding|found) /.test(line));
  return lines.slice(-REASON_LINES).join("\n") || "go ended without a word";
}
