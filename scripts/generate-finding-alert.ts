// Writes the parts of the alert InternodeFinding that come from the catalogue of findings, in place, into the rules: its
// codes, and what it says of each. A test holds the committed rules equal to it.
import { readFileSync, writeFileSync } from "node:fs";
import { ALERTING_CODES } from "../agent/diagnosis/catalogue/alerting.ts";
import { CODES } from "../agent/diagnosis/catalogue/codes.ts";

const RULES = new URL("../chart/files/rules/internode.yaml", import.meta.url);

const CODES_LINE = /internode_finding\{code=~"[^"]*"\}/;
const TEXTS = /( {12})\{\{ if eq \$labels\.code "IN-[\s\S]*?\{\{ end \}\} \(\{\{ \$labels\.code \}\}/;

/** The rules with the catalogue's words in them. */
export function withCatalogue(rules: string): string {
  const texts = ALERTING_CODES.map(
    (code, i) =>
      `${i === 0 ? "{{ if" : "{{- else if"} eq $labels.code "${code}" }}${CODES[code].title}. ${CODES[code].impact}`,
  );
  return rules
    .replace(CODES_LINE, () => `internode_finding{code=~"${ALERTING_CODES.join("|")}"}`)
    .replace(TEXTS, (_, indent: string) => `${indent}${texts.join(`\n${indent}`)}{{ end }} ({{ $labels.code }}`);
}

if (import.meta.main) writeFileSync(RULES, withCatalogue(readFileSync(RULES, "utf8")));
