import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readBytesSync, readText, readTextSync, textOf } from "../../agent/base/files.ts";

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), "internode-files-"))));
afterAll(() => rmSync(directory, { recursive: true }));

const written = (name: string, content: string | Uint8Array): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};

describe.each([
  ["readTextSync", (path: string, maxBytes?: number) => Promise.resolve().then(() => readTextSync(path, maxBytes))],
  ["readText", readText],
])("%s", (_, read) => {
  test("reads text whole, in many pieces", async () => {
    const text = "über 1 MiB: ".repeat(100_000);
    expect(await read(written("long", text))).toBe(text);
    expect(await read(written("empty", ""))).toBe("");
  });

  test("takes a byte order mark away, once", async () => {
    expect(await read(written("marked", '\u{feff}{"a":1}'))).toBe('{"a":1}');
    expect(await read(written("twice", "\u{feff}\u{feff}x"))).toBe("\u{feff}x");
  });

  test("says that UTF-16 is none of ours", async () => {
    await expect(read(written("wide", Buffer.from("\u{feff}{}", "utf16le")))).rejects.toThrow("save it as UTF-8");
  });

  test("reads no further than its limit, also of what never ends", async () => {
    expect(await read(written("fits", "12345"), 5)).toBe("12345");
    await expect(read(written("large", "123456"), 5)).rejects.toThrow("more than 5 bytes");
    await expect(read("/dev/zero")).rejects.toThrow("/dev/zero has more than 8388608 bytes");
  });

  test("says what the system says of a file that is not there or a directory", async () => {
    await expect(read(join(directory, "nowhere"))).rejects.toThrow("ENOENT");
    await expect(read(directory)).rejects.toThrow("EISDIR");
  });
});

test("a pipe is read to its end", async () => {
  const pipe = join(directory, "pipe");
  execFileSync("mkfifo", [pipe]);
  const writer = spawn("sh", ["-c", `printf 'from a pipe' > '${pipe}'`]);
  const ended = once(writer, "exit");
  expect(await readText(pipe)).toBe("from a pipe");
  await ended;
});

test("bytes are left as they are", () => {
  expect([...readBytesSync(written("key", new Uint8Array([0xef, 0xbb, 0xbf, 0])))]).toEqual([0xef, 0xbb, 0xbf, 0]);
  expect(textOf(new Uint8Array([0xef, 0xbb, 0xbf]))).toBe("");
});
