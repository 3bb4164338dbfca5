import { afterEach, expect, test, vi } from "vitest";
import { RowSeal } from "../../agent/peers/row-seal.ts";

const KEY = Buffer.from("a key that only the mesh has");
const AT = "2026-11-23T19:30:00.000Z";
const row = (at = AT) => ({ at, source: { name: "node-1" }, incarnation: "ab" });
const json = (value: object) => Buffer.from(JSON.stringify(value));
afterEach(() => void vi.useRealTimers());

function now(at: string): void {
  vi.useFakeTimers({ now: Date.parse(at), toFake: ["Date"] });
}

test("what an agent signs counts where the same key is", () => {
  now("2026-11-23T19:30:02.000Z");
  const sent = { json: json(row()), row: row(), seal: new RowSeal(KEY).of(json(row())) };
  expect(new RowSeal(KEY).fault(sent)).toBeUndefined();
  expect(new RowSeal(Buffer.from("another key")).fault(sent)).toContain("signature is wrong");
});

test.each([
  ["a name", { ...row(), source: { name: "node-2" } }],
  ["an incarnation", { ...row(), incarnation: "cd" }],
  ["a time", row("2026-11-23T19:30:01.000Z")],
])("%s that was changed on the way makes the signature wrong", (_what, changed) => {
  now("2026-11-23T19:30:02.000Z");
  const seal = new RowSeal(KEY);
  expect(seal.fault({ json: json(changed), row: changed, seal: seal.of(json(row())) })).toContain("signature is wrong");
});

test.each(["", "zz", "ab", "not hex at all", "0".repeat(64), "0".repeat(10_000)])("'%s' is no signature", (claimed) => {
  now(AT);
  expect(new RowSeal(KEY).fault({ json: json(row()), row: row(), seal: claimed })).toContain("signature is wrong");
});

test("a row without a signature does not count where there is a key", () => {
  expect(new RowSeal(KEY).fault({ json: json(row()), row: row(), seal: undefined })).toContain("not signed");
});

test("an old row that was kept, and one from the future, do not count; a clock some seconds off does", () => {
  const seal = new RowSeal(KEY);
  const sent = { json: json(row()), row: row(), seal: seal.of(json(row())) };
  for (const near of ["2026-11-23T19:29:40.000Z", "2026-11-23T19:30:20.000Z"]) {
    now(near);
    expect(seal.fault(sent)).toBeUndefined();
  }
  now("2026-11-23T19:31:00.000Z");
  expect(seal.fault(sent)).toBe("it was written 60 s ago by its node's clock: an old row, or clocks that differ");
  now("2026-11-23T19:29:00.000Z");
  expect(seal.fault(sent)).toContain("60 s from now");
});
