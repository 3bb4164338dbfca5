import { readFileSync } from "node:fs";
import { parseSnapshot } from "../../agent/peers/schema.ts";
import type { Snapshot } from "../../agent/model/snapshot.ts";

/** The frozen /api/v1/mesh document. */
export const goldenSnapshot = (): Snapshot =>
  parseSnapshot(JSON.parse(readFileSync(new URL("golden/mesh.json", import.meta.url), "utf8")));
