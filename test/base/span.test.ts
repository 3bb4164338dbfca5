import { expect, test } from "vitest";
import { formatSpan, parseSpan } from "../../agent/base/span.ts";

const NOW = Date.parse("2026-11-27T02:10:30.000Z");
const now = "2026-11-27T02:10:30.000Z";

test("a time is said as one ago or as a moment, and ends now unless told", () => {
  expect(parseSpan({ since: "10m" }, NOW)).toEqual({ since: "2026-11-27T02:00:30.000Z", until: now });
  expect(parseSpan({ since: "1h", until: "90s" }, NOW)).toEqual({
    since: "2026-11-27T01:10:30.000Z",
    until: "2026-11-27T02:09:00.000Z",
  });
  expect(parseSpan({ since: "2026-11-27T03:00:00+01:00" }, NOW)).toEqual({
    since: "2026-11-27T02:00:00.000Z",
    until: now,
  });
  expect(parseSpan({ since: "2026-11-27T02:00Z", until: "2026-11-27T09:00Z" }, NOW)).toMatchObject({ until: now });
});

test("what is no time, or no stretch of it, is refused with what would be", () => {
  for (const since of [
    "",
    "yesterday",
    "10",
    "10 m",
    "-10m",
    "1d",
    "2026-11-27",
    "2026-13-40T02:00:00Z",
    "1".repeat(500),
  ])
    expect(parseSpan({ since }, NOW), since).toEqual({ error: expect.stringContaining("10m") as string });
  expect(parseSpan({ since: "5m", until: "5m" }, NOW)).toHaveProperty("error");
  expect(parseSpan({ since: "2027-01-01T00:00:00Z" }, NOW)).toHaveProperty("error");
});

test("people read hours and minutes, and the zone they are of", () => {
  expect(formatSpan({ since: "2026-11-27T02:00:30Z", until: now })).toBe("02:00 to 02:10 UTC");
});
