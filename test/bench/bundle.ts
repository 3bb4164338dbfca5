// The agent as an image carries it: the same bundle, started by the same words in the same environment.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface Bundle extends Disposable {
  /** Words that start it; the command's name comes behind. */
  readonly program: readonly string[];
}

export function bundleAgent(): Bundle {
  const folder = mkdtempSync(join(tmpdir(), "internode-bench-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const script = join(ROOT, "scripts/bundle.mjs");
    execFileSync(process.execPath, [script, "--out", folder], { stdio: ["ignore", "ignore", "inherit"] });
    return { program: imageProgram(join(folder, "main.mjs")), [Symbol.dispose]: remove };
  } catch (err) {
    remove();
    throw err;
  }
}

/** The ENTRYPOINT and the environment of the image, with this Node.js and that file. */
function imageProgram(main: string): string[] {
  const dockerfile = readFileSync(join(ROOT, "Dockerfile"), "utf8");
  const [, environment] = /^ENV (NODE_ENV=.*)$/m.exec(dockerfile) ?? [];
  const [, entrypoint] = /^ENTRYPOINT (\[.*\])$/m.exec(dockerfile) ?? [];
  if (environment === undefined || entrypoint === undefined) throw new Error("the Dockerfile has no ENV or ENTRYPOINT");
  const flags = (JSON.parse(entrypoint) as string[]).filter((word) => word.startsWith("--"));
  return ["env", ...environment.split(" "), process.execPath, ...flags, main];
}
