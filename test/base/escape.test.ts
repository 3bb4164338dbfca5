import { describe, expect, test } from "vitest";
import { forHtml, forLog, forText, forTextThroughout } from "../../agent/base/escape.ts";
import { HOSTILE, OBEYED } from "../support/hostile.ts";

describe.each(Object.entries(HOSTILE))("%s", (_what, text) => {
  test("is one harmless line on a terminal", () => {
    expect(forText(text)).not.toMatch(OBEYED);
    expect(forText(text)).not.toBe("");
  });

  test("is text in HTML, between tags and in an attribute", () => {
    expect(forHtml(text)).not.toMatch(OBEYED);
    expect(forHtml(text)).not.toMatch(/[<>"']|&(?!(amp|lt|gt|quot|#39);)/);
  });

  test("is the same value in a line of the log, and the line stays one line", () => {
    const line = `${JSON.stringify({ msg: text, [text]: 1 })}\n`;
    expect(forLog(line).trimEnd()).not.toMatch(OBEYED);
    expect(forLog(line).indexOf("\n")).toBe(forLog(line).length - 1);
    expect(JSON.parse(forLog(line))).toEqual(JSON.parse(line));
  });
});

test.each(["node-1", "ip-10-0-1-2.eu-west-1.compute.internal", "zone ä/b", "結 node", "🚀", "210µs → 5 ms"])(
  "'%s' stays as it is",
  (text) => {
    expect(forText(text)).toBe(text);
    expect(forHtml(text)).toBe(text);
    expect(forLog(JSON.stringify(text))).toBe(JSON.stringify(text));
  },
);

test("what is escaped can be read: its code points are told", () => {
  expect(forText("a\u001b[31mb\u202ec\nd")).toBe("a\\u{1b}[31mb\\u{202e}c\\u{a}d");
  expect(forHtml("<b>&\u001b")).toBe("&lt;b&gt;&amp;\\u{1b}");
});

test("text is escaped everywhere in a value and in the names of its fields, and nothing else of it is changed", () => {
  const value = { "a\u001b": ["b\u202e", { c: "d" }, 1, null, true], e: 2 };
  expect(forTextThroughout(value)).toEqual({ "a\\u{1b}": ["b\\u{202e}", { c: "d" }, 1, null, true], e: 2 });
});
