// Writes what the chart takes from the schemas: values.yaml, values.schema.json, files/agent.json and the table in its
// README. Tests hold the committed files equal to what comes out here.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { agentJson, valuesSchemaJson, valuesTable, valuesYaml } from "./chart-values/documents.ts";

const BEGIN = "<!-- values: written by scripts/generate-values-schema.ts -->";
const END = "<!-- end of values -->";

const chart = (path: string): string => fileURLToPath(new URL(`../chart/${path}`, import.meta.url));

/** Path within the chart → its text. */
export function chartDocuments(): ReadonlyMap<string, string> {
  return new Map([
    ["values.yaml", valuesYaml()],
    ["values.schema.json", valuesSchemaJson()],
    ["files/agent.json", agentJson()],
    ["README.md", withTable(readFileSync(chart("README.md"), "utf8"))],
  ]);
}

function withTable(page: string): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`chart/README.md must contain the lines ${BEGIN} and ${END}`);
  return `${before}${BEGIN}\n\n${valuesTable()}\n\n${END}${after}`;
}

if (import.meta.main) for (const [path, text] of chartDocuments()) writeFileSync(chart(path), text);
