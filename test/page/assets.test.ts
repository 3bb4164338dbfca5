import { build } from "esbuild";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { buildPageAssets, PAGE_PATHS, type PageAssets } from "../../agent/page/assets.ts";
import { startAgent } from "../api/api-mesh.ts";

test("everything the page refers to is served with its type, and nothing refers elsewhere", async () => {
  const { url, api } = await startAgent({ nodes: 2, zones: 1 }, { name: "node-1", zone: "zone-a" }, "127.0.0.1");
  await using _ = api;
  const types: Record<string, string> = {};
  for (const path of PAGE_PATHS) {
    const response = await fetch(url + path);
    expect(response.status).toBe(200);
    types[path] = response.headers.get("content-type")!;
    const text = await response.text();
    expect(text.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:\/\//);
  }
  const { "/": html } = await buildPageAssets();
  const referred = [...html!.matchAll(/(?:href|src)="(\/[^"]*)"/g)].map(([, path]) => path!);
  expect(referred).toContain("/page.js");
  for (const path of referred) expect((await fetch(url + path)).status).toBe(200);
  expect(types).toMatchObject({
    "/": "text/html; charset=utf-8",
    "/page.css": "text/css; charset=utf-8",
    "/page.js": "text/javascript; charset=utf-8",
    "/icons/fine.svg": "image/svg+xml; charset=utf-8",
  });
});

test("the page carries no style or script inside its markup, which its content security policy would refuse", async () => {
  const { "/": html } = await buildPageAssets();
  expect(html).not.toMatch(/<style|style=|<script(?![^>]* src=)| on[a-z]+=/);
});

test("a single-file bundle carries the page inside, far from its sources and without a bundler", async () => {
  const directory = await mkdtemp(join(tmpdir(), "internode-page-"));
  try {
    const assets = await buildPageAssets();
    const outfile = join(directory, "bundle.mjs");
    await build({
      entryPoints: [fileURLToPath(new URL("../../agent/page/assets.ts", import.meta.url))],
      bundle: true,
      platform: "node",
      format: "esm",
      external: ["esbuild"],
      define: { PAGE_ASSETS: JSON.stringify(assets) },
      outfile,
      logLevel: "silent",
    });
    const bundled = (await import(pathToFileURL(outfile).href)) as { loadPageAssets(): Promise<PageAssets> };
    expect(await bundled.loadPageAssets()).toEqual(assets);
  } finally {
    await rm(directory, { recursive: true });
  }
});
