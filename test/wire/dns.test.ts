import { randomFillSync } from "node:crypto";
import { expect, test } from "vitest";
import { decodeAnswer, encodeQuery, type DnsQuestion } from "../../agent/wire/dns.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
const question: DnsQuestion = { id: 0x1234, name: "kube.test", type: "A" };
// As `dig +noedns +noadflag kube.test` puts it on the wire.
const QUERY = "123401000001000000000000046b756265047465737400 00010001";

/** An answer to `question`: flags, question section and answer count can be given, then whatever follows. */
function answer(
  rest: string,
  options: { readonly flags?: string; readonly counts?: string; readonly asked?: string } = {},
): Uint8Array {
  const { flags = "8180", counts = "0001000100000000", asked = "046b7562650474657374000001 0001" } = options;
  return hex(`1234${flags}${counts}${asked}${rest}`);
}
const RECORD = "c00c0001000100000005 0004c0000201";

test("a query is one question with recursion desired, byte for byte", () => {
  expect(Buffer.from(encodeQuery(question)).equals(hex(QUERY))).toBe(true);
  expect(encodeQuery({ ...question, name: "kube.test." })).toEqual(encodeQuery(question));
});

test("an address record is read, its name compressed", () => {
  expect(decodeAnswer(answer(RECORD), question)).toEqual({
    kind: "answer",
    rcode: 0,
    truncated: false,
    addresses: ["192.0.2.1"],
  });
});

test("letter case of the name does not matter", () => {
  expect(decodeAnswer(answer(RECORD, { asked: "044b756245047465535400 00010001" }), question)).toMatchObject({
    addresses: ["192.0.2.1"],
  });
});

test("answers to other questions, ids and types are foreign", () => {
  expect(decodeAnswer(answer(RECORD), { ...question, id: 1 }).kind).toBe("foreign");
  expect(decodeAnswer(answer(RECORD), { ...question, name: "cube.test" }).kind).toBe("foreign");
  expect(decodeAnswer(answer(RECORD), { ...question, type: "AAAA" }).kind).toBe("foreign");
  expect(decodeAnswer(hex(QUERY), question).kind).toBe("foreign");
});

test.each([
  ["a pointer at itself", answer("", { asked: "c00c00010001" })],
  ["a pointer forward", answer("", { asked: "c01000010001046b75626500" })],
  ["a label that runs past the end", answer("", { asked: "3f6b7562" })],
  ["a label of reserved kind", answer("", { asked: "80000000010001" })],
  ["a record cut short", answer("c00c00010001000000")],
  ["a record longer than the message", answer("c00c000100010000000500ff01")],
  ["an address of three bytes", answer("c00c0001000100000005 0003c00002")],
  ["two questions", answer(RECORD, { counts: "0002000100000000" })],
  ["more records promised than come", answer(RECORD, { counts: "0001ffff00000000" })],
  ["a record name that goes on for ever", answer("3f".padEnd(2 * 320, "3f"))],
])("%s is malformed, not a crash", (_what, bytes) => {
  expect(decodeAnswer(bytes, question).kind).toBe("malformed");
});

test("labels read again through a pointer end at the length limit", () => {
  // In the question: label, then a pointer back into the header's bytes; a header that looks like a label leads here again.
  const bytes = hex("1234 8180 0001000000000000 0161c00c 00010001");
  expect(decodeAnswer(bytes, question).kind).toBe("malformed");
});

test("every cut of a good answer, and noise behind a good header, is judged without a throw", () => {
  const good = answer(RECORD);
  for (let n = 0; n < good.length; n++)
    expect(["foreign", "malformed"]).toContain(decodeAnswer(good.subarray(0, n), question).kind);
  const noise = Buffer.alloc(64);
  for (let i = 0; i < 5_000; i++) {
    randomFillSync(noise, 0);
    const kind = decodeAnswer(Buffer.concat([good.subarray(0, i % good.length), noise]), question).kind;
    expect(["answer", "foreign", "malformed"]).toContain(kind);
  }
});

test.each(["", ".", "a..b", `${"a".repeat(64)}.test`, "abcdefghi.".repeat(26)])(
  "the name '%s' cannot be asked for",
  (name) => {
    expect(() => encodeQuery({ ...question, name })).toThrow(RangeError);
  },
);
