// A panel's picture: Grafana's own code in Chromium.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import type { Picture } from "./picture.ts";

const here = fileURLToPath(new URL(".", import.meta.url));

export async function draw(browser: Browser, script: string, picture: Picture): Promise<Buffer> {
  const page = await browser.newPage({ viewport: { width: picture.width, height: picture.height } });
  const faults: string[] = [];
  page.on("pageerror", (err) => faults.push(err.message));
  // An origin of its own: without one a page has no storage, and Grafana's code asks for it.
  await page.route("**/*", (route) =>
    route.fulfill({ contentType: "text/html", body: '<!doctype html><meta charset="utf-8"><div id="panel"></div>' }),
  );
  await page.goto("http://dashboards.test/");
  await page.addScriptTag({ content: script });
  await page.evaluate(
    (picture) => (globalThis as unknown as { draw: (picture: Picture) => Promise<void> }).draw(picture),
    picture,
  );
  await page.locator("#panel section").waitFor();
  // A plot is painted a frame or two after it is laid out.
  await sleep(1_500);
  const png = await page.screenshot();
  await page.close();
  if (faults.length > 0)
    throw new Error(`${picture.title}: Grafana's code failed in the browser: ${faults.join("; ")}`);
  return png;
}

/** The page's script: Grafana's packages and what draws a panel with them. */
export async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(here, "browser/draw.tsx")],
    bundle: true,
    write: false,
    outdir: join(here, "out"),
    format: "iife",
    jsx: "automatic",
    minify: true,
    define: { global: "window", "process.env.NODE_ENV": '"production"' },
    loader: {
      ".svg": "dataurl",
      ".ttf": "dataurl",
      ".woff2": "dataurl",
      ".woff": "dataurl",
      ".png": "dataurl",
      ".css": "text",
    },
    logLevel: "error",
    plugins: [
      {
        // From a file that is .mjs, esbuild takes the whole of a CommonJS module for its default export, as Node does.
        name: "scrollbars",
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^react-custom-scrollbars-2$/ }, () => ({ path: "scrollbars", namespace: "unwrap" }));
          onLoad({ filter: /.*/, namespace: "unwrap" }, () => ({
            contents: `export { Scrollbars, default } from ${JSON.stringify(join(here, "node_modules/react-custom-scrollbars-2"))};`,
            resolveDir: here,
          }));
        },
      },
    ],
  });
  return outputFiles.find(({ path }) => path.endsWith(".js"))!.text;
}
