// The command line as one script: everything but the agent, which runs in its image.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { bundledPackages, licences } from "./licences.mjs";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** Writes it to `outfile` (CommonJS, for Node 24); returns the licences of what is inside. */
export async function bundleProgram(outfile) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ["agent/cli/program.ts"],
    outfile,
    bundle: true,
    minify: true,
    keepNames: true,
    format: "cjs",
    platform: "node",
    target: "node24",
    // Of the agent alone: its engines, which no command here starts.
    external: ["koffi", "net-ping"],
    define: { TROUBLESHOOTING: JSON.stringify(readFileSync(join(root, "docs/troubleshooting.md"), "utf8")) },
    legalComments: "none",
    metafile: true,
    logLevel: "error",
  });
  return licences(bundledPackages(root, metafile));
}
