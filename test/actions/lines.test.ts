import { expect, test } from "vitest";
import { LinesError, lineText, readLines, type Line } from "../../agent/actions/lines.ts";

async function* inPieces(text: string, bytes: number): AsyncGenerator<Uint8Array> {
  const all = Buffer.from(text);
  for (let at = 0; at < all.length; at += bytes) yield all.subarray(at, at + bytes);
}

const all = async (text: string, bytes: number): Promise<Line[]> => {
  const lines: Line[] = [];
  for await (const line of readLines(inPieces(text, bytes))) lines.push(line);
  return lines;
};

test("lines come as they were sent, however the network cuts them", async () => {
  const sent: Line[] = [
    { kind: "progress", what: "µs and 日本" },
    { kind: "result", n: 1 },
  ];
  const text = sent.map(lineText).join("");
  for (const bytes of [1, 3, 7, 1_000]) expect(await all(text, bytes)).toEqual(sent);
});

test.each(["not json\n", "42\n", "null\n", '{"kind":"gossip"}\n', '{"kind":"result"'])(
  "%j is no line of an action",
  async (text) => {
    await expect(all(text, 5)).rejects.toBeInstanceOf(LinesError);
  },
);
