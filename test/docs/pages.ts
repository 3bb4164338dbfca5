// The pages under docs/ as the tests read them: their queries, and the commands of ours that they name.
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const DOCS = fileURLToPath(new URL("../../docs/", import.meta.url));

export interface Page {
  /** Below docs/. */
  readonly path: string;
  readonly text: string;
  readonly queries: readonly string[];
  /** Words after `internode` where the page calls the program. */
  readonly calls: readonly (readonly string[])[];
}

export function pages(glob: string): readonly Page[] {
  return globSync(glob, { cwd: DOCS })
    .sort()
    .map((path) => {
      const text = readFileSync(DOCS + path, "utf8");
      return { path, text, queries: blocks(text, "promql"), calls: callsIn(text) };
    });
}

function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^ *\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\``, "gm"))].map(([, block]) =>
    block!.trim(),
  );
}

// A line of a shell block, or code within a sentence: by the alias, or in a pod.
function callsIn(text: string): (readonly string[])[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, "");
  const code = [
    ...blocks(text, "sh").flatMap((block) => block.split("\n")),
    ...[...prose.matchAll(/`([^`\n]+)`/g)].map(([, span]) => span!),
  ];
  return code.flatMap((line) => {
    const call = /^(?:internode|kubectl .* -- internode)\s+(\S.*)$/.exec(line.trim());
    return call ? [call[1]!.split(/\s+/)] : [];
  });
}
