// The agent as one bundle, as an image carries it: what loads lazily stays in files of its own, koffi's binary
// stays outside.
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Packages of the CommonJS kind inside the bundle ask for `require`. */
const REQUIRE =
  'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';

export interface Bundle extends Disposable {
  /** Run it with Node, `nodeFlags` before it and the command's name behind. */
  readonly main: string;
  /** What the image's ENTRYPOINT gives to Node. */
  readonly nodeFlags: readonly string[];
}

export async function bundleAgent(): Promise<Bundle> {
  const folder = mkdtempSync(join(tmpdir(), "internode-bench-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    await build({
      entryPoints: [join(ROOT, "agent/main.ts")],
      outdir: folder,
      outExtension: { ".js": ".mjs" },
      bundle: true,
      splitting: true,
      minify: true,
      keepNames: true,
      format: "esm",
      platform: "node",
      target: "node24",
      external: ["koffi", "net-ping", "esbuild"],
      banner: { js: REQUIRE },
      logLevel: "error",
    });
  } catch (err) {
    remove();
    throw err;
  }
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  return { main: join(folder, "main.mjs"), nodeFlags: imageNodeFlags(), [Symbol.dispose]: remove };
}

/** Of the first line of the program that the image starts. */
function imageNodeFlags(): string[] {
  const script = readFileSync(join(ROOT, "scripts/bundle.mjs"), "utf8");
  const [, interpreter] = /^const FIRST_LINE = "#!(.*)\\n";$/m.exec(script) ?? [];
  if (interpreter === undefined) throw new Error("scripts/bundle.mjs has no FIRST_LINE any more");
  return interpreter.split(" ").filter((word) => word.startsWith("--"));
}
