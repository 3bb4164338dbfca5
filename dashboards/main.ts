// Writes the dashboards as JSON: beside their source, and into the chart, which ships the same bytes.
//
//   npm run dashboards
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { readOptions } from "../scripts/command-line.ts";
import { dashboards, toJson } from "./all.ts";

readOptions(
  "dashboards",
  "Writes the dashboards as JSON, beside their source and into the chart: npm run dashboards. It has no options.",
  {},
);

for (const folder of [new URL("generated/", import.meta.url), new URL("../chart/files/dashboards/", import.meta.url)]) {
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) rmSync(new URL(file, folder));
  for (const [name, dashboard] of Object.entries(dashboards))
    writeFileSync(new URL(`${name}.json`, folder), toJson(dashboard));
}
