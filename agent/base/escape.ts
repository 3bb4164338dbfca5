// Text that others wrote (a peer, an object of the cluster, a file) as it may be shown. One function for each place
// it can be shown in: what is harmless in one is an order in another.

/**
 * What has no look of its own, or changes how its neighbours look: control characters (ANSI escapes begin with one),
 * line and paragraph separators, what turns the direction of text (UAX #9), other formats without width, halves of
 * surrogate pairs, what is for private use or not assigned.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/gu;

const codePoint = (char: string): string => `\\u{${char.codePointAt(0)!.toString(16)}}`;

/** For a terminal or a text node of a page: one line, each character visible. */
export function forText(text: string): string {
  return text.replaceAll(UNSEEN, codePoint);
}

/** The same value with every text in it, names of fields too, as it may be shown on a terminal. */
export function forTextThroughout(value: unknown): unknown {
  if (typeof value === "string") return forText(value);
  if (Array.isArray(value)) return value.map(forTextThroughout);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [forText(name), forTextThroughout(one)]));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** For markup, between tags and inside quoted attributes. */
export function forHtml(text: string): string {
  return forText(text).replaceAll(/[&<>"']/g, (char) => ENTITIES[char]!);
}

/**
 * For a log of JSON lines, and any other JSON that a person may look at: the same document, spelled without what
 * cannot be seen. Such characters stand only inside strings, where JSON has an escape for each.
 */
export function forLog(json: string): string {
  return json.replaceAll(UNSEEN, (char) =>
    char === "\n"
      ? char
      : char
          .split("")
          .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
          .join(""),
  );
}

/** For Markdown, within a line and in cells of tables: nothing here may stand at the beginning of a line. */
export function forMarkdown(text: string): string {
  return forText(text).replaceAll(/[\\`*_[\]<>|~&]/g, "\\$&");
}

/** One field of CSV (RFC 4180). A program for spreadsheets must not take it for a formula. */
export function forCsv(text: string): string {
  const shown = forText(text);
  const harmless = /^[=+\-@]/.test(shown) ? `'${shown}` : shown;
  return /[",]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/** A string of DOT, between double quotes. A backslash is an escape there, and \N the name of the node. */
export function forDot(text: string): string {
  return `"${forText(text).replaceAll(/[\\"]/g, "\\$&")}"`;
}
