import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { dashboards, toJson } from "../../dashboards/all.ts";

const folders = {
  "beside their source": new URL("../../dashboards/generated/", import.meta.url),
  "in the chart": new URL("../../chart/files/dashboards/", import.meta.url),
};
/** kubectl and Argo CD keep what they applied in an annotation, which holds 256 KiB. */
const LARGEST_APPLIED_BYTES = 262_144;

describe.each(Object.entries(folders))("the dashboards %s", (_, folder) => {
  test("are all of them and no others", () => {
    expect(readdirSync(folder).sort()).toEqual(
      Object.keys(dashboards)
        .map((name) => `${name}.json`)
        .sort(),
    );
  });

  test.each(Object.keys(dashboards))("are what the source generates: %s (else: npm run dashboards)", (name) => {
    const bytes = readFileSync(new URL(`${name}.json`, folder), "utf8");
    expect(bytes === toJson(dashboards[name]!), `${name}.json is stale: npm run dashboards`).toBe(true);
    expect(Buffer.byteLength(JSON.stringify(bytes))).toBeLessThan(LARGEST_APPLIED_BYTES);
  });
});
