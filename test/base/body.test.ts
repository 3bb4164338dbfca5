import { expect, test } from "vitest";
import { readBody } from "../../agent/base/body.ts";

const tooLarge = (maxBytes: number) => new Error(`more than ${maxBytes}`);

async function* chunks(...sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (const size of sizes) yield await Promise.resolve(new Uint8Array(size).fill(size));
}

test("a body up to the limit is read whole, in order", async () => {
  expect([...(await readBody(chunks(2, 0, 3), { maxBytes: 5, tooLarge }))]).toEqual([2, 2, 3, 3, 3]);
  expect(await readBody(chunks(), { maxBytes: 0, tooLarge })).toHaveLength(0);
});

test("one beyond the limit is refused, and is not read to its end", async () => {
  let read = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      read++;
      yield await Promise.resolve(new Uint8Array(10));
    }
  }
  await expect(readBody(endless(), { maxBytes: 25, tooLarge })).rejects.toThrow("more than 25");
  expect(read).toBe(3);
});
