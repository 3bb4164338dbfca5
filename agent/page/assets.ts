// The files of the page. The image's bundle carries them ready-made (PAGE_ASSETS, put in by the build); in a checkout
// they are read from client/ and its TypeScript is bundled once, when the page is first asked for.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** By URL path. */
export type PageAssets = Readonly<Record<string, string>>;

declare const PAGE_ASSETS: PageAssets | undefined;

const STATIC_FILES: Readonly<Record<string, string>> = {
  "/": "index.html",
  "/page.css": "page.css",
  "/icons/fine.svg": "icons/fine.svg",
  "/icons/losing.svg": "icons/losing.svg",
  "/icons/broken.svg": "icons/broken.svg",
  "/icons/waiting.svg": "icons/waiting.svg",
};
const SCRIPT = "/page.js";

export const PAGE_PATHS: readonly string[] = [...Object.keys(STATIC_FILES), SCRIPT];

export async function loadPageAssets(): Promise<PageAssets> {
  return typeof PAGE_ASSETS === "undefined" ? buildPageAssets() : PAGE_ASSETS;
}

/** What the build of the image puts into PAGE_ASSETS. */
export async function buildPageAssets(): Promise<PageAssets> {
  const client = new URL("client/", import.meta.url);
  const files = Object.entries(STATIC_FILES).map(
    async ([path, file]) => [path, await readFile(new URL(file, client), "utf8")] as const,
  );
  const { build } = await import("esbuild");
  const bundle = await build({
    entryPoints: [fileURLToPath(new URL("page.ts", client))],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    minify: true,
    legalComments: "none",
    logLevel: "silent",
  });
  return { ...Object.fromEntries(await Promise.all(files)), [SCRIPT]: bundle.outputFiles[0]!.text };
}
