// Writes docs/findings.md from the catalogue of findings; a test holds the committed page equal to it.
import { writeFileSync } from "node:fs";
import { ALERTING_CODES } from "../agent/diagnosis/catalogue/alerting.ts";
import { CAUSES } from "../agent/diagnosis/catalogue/causes.ts";
import { CODES } from "../agent/diagnosis/catalogue/codes.ts";
import { CAUSE_KINDS, FINDING_CODES, type FindingCode, type Subject } from "../agent/model/finding.ts";

const EXAMPLE: Subject = { kind: "node", node: "worker-7" };

export function findingsPage(): string {
  return `# Findings

<!-- Written by \`node scripts/generate-findings-doc.ts\` from agent/diagnosis/catalogue. Change that, not this. -->

The judge reads what all agents measured and says what is broken, where, since when and why. Each finding has a code
from this page that never changes its meaning, a subject (a node, a pair, a zone, two zones, a group of nodes, the mesh),
a confidence, the moment it began, and its causes, most likely first, with what was seen that speaks for and against each.

| code | in one line |
|---|---|
${FINDING_CODES.map((code) => `| [${code}](#${code.toLowerCase()}) | ${CODES[code].title}. |`).join("\n")}

${FINDING_CODES.map(section).join("\n")}
## Causes

What tells them apart, and what usually helps. Names used below: node \`worker-7\`.

With the chart's [host view](host-view.md) the judge asks the kernels of the nodes concerned. What one of them says comes first, in a
sentence of its own: "node-1 has no route to 10.244.3.0/24 of node-3 (every other node has one, by 10.88.0.13)", with the command that
shows it.

${CAUSE_KINDS.map(cause).join("\n")}`;
}

function section(code: FindingCode): string {
  const { title, meaning, impact, alerts } = CODES[code];
  const named =
    alerts.length === 0
      ? ALERTING_CODES.includes(code)
        ? "No counter alert sees it; `InternodeFinding` tells of it."
        : "None."
      : `Once it is strong enough: ${alerts.map((alert) => `\`${alert}\``).join(", ")} ([runbooks](runbooks/README.md))${ALERTING_CODES.includes(code) ? "; until then `InternodeFinding`" : ""}.`;
  return `## ${code}

**${title}.** ${meaning}

- Impact: ${impact}
- Alert: ${named}
`;
}

/** In the middle of a sentence; an abbreviation stays as it is. */
const small = (text: string): string =>
  /^[A-Z][^A-Z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;

function cause(kind: (typeof CAUSE_KINDS)[number]): string {
  const { text, tell, next, cure } = CAUSES[kind];
  return `### ${kind}

${text} Seen by: ${small(tell)}

\`\`\`sh
${next(EXAMPLE)}
\`\`\`

${cure}
`;
}

if (import.meta.main) writeFileSync(new URL("../docs/findings.md", import.meta.url), findingsPage());
