// What an action tells while it runs: JSON lines. The first says that it has begun, the last what came of it.
import { forText } from "../base/escape.ts";

export { TOKEN_HEADER } from "../base/token-header.ts";

export const LINES_TYPE = "application/x-ndjson";
/** Who says to have asked, for the log: anybody can write anything here. */
export const CALLER_HEADER = "X-Internode-Caller";
/** Name of the agent that passes an action on: it is not passed on again. */
export const FORWARDED_HEADER = "X-Internode-Forwarded";
export const LINES_SCHEMA_VERSION = 1;

export type Line =
  | { readonly kind: "started"; readonly schemaVersion: number; readonly action: string; readonly node: string }
  | { readonly kind: "progress"; readonly [key: string]: unknown }
  | { readonly kind: "result"; readonly [key: string]: unknown }
  | { readonly kind: "error"; readonly error: string };

const KINDS: readonly unknown[] = ["started", "progress", "result", "error"];
const MAX_LINE_CHARS = 8 * 1024 * 1024;

export class LinesError extends Error {
  override readonly name = "LinesError";
}

/** The lines of a stream of bytes. Throws LinesError for what is none. */
export async function* readLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop()!;
    if (rest.length > MAX_LINE_CHARS) throw new LinesError("a line of the answer is too long");
    for (const part of parts) yield parseLine(part);
  }
  if (rest.trim() !== "") yield parseLine(rest);
}

export function parseLine(text: string): Line {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    throw new LinesError(`a line of the answer is no JSON: ${forText(text.slice(0, 100))}`);
  }
  const { kind } = (typeof line === "object" && line !== null ? line : {}) as { readonly kind?: unknown };
  if (!KINDS.includes(kind))
    throw new LinesError(`a line of the answer is of no known kind: ${forText(text.slice(0, 100))}`);
  return line as Line;
}

export const lineText = (line: Line): string => `${JSON.stringify(line)}\n`;
