// Serves the page's few files.
import type { Express } from "express";
import { loadPageAssets, PAGE_PATHS, type PageAssets } from "./assets.ts";

export function pageRoutes(app: Express): void {
  let loading: Promise<PageAssets> | undefined;
  app.get([...PAGE_PATHS], async (req, res) => {
    loading ??= loadPageAssets();
    let assets: PageAssets;
    try {
      assets = await loading;
    } catch (err) {
      // The next request tries again.
      loading = undefined;
      throw err;
    }
    res.type(req.path === "/" ? "html" : req.path.slice(req.path.lastIndexOf(".") + 1)).send(assets[req.path]);
  });
}
