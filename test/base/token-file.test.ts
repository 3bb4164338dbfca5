import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { asToken, TokenFile } from "../../agent/base/token-file.ts";

const TOKEN = "correct-horse-battery";
let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "internode-token-"));
  path = join(directory, "token");
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(directory, { recursive: true });
});

describe("a token in a file", () => {
  test("is right without the end of the line that an editor leaves, and nothing else is", async () => {
    await writeFile(path, `${TOKEN}\n`);
    const file = new TokenFile(path);
    expect(await file.judge(TOKEN)).toEqual({ kind: "right" });
    for (const wrong of [`${TOKEN}x`, TOKEN.slice(1), TOKEN.toUpperCase(), " ".repeat(30)])
      expect(await file.judge(wrong)).toEqual({ kind: "wrong" });
    expect(await file.judge("")).toEqual({ kind: "missing" });
    expect(await file.judge(undefined)).toEqual({ kind: "missing" });
  });

  test("counts anew a second after it has changed, and the old one does not any more", async () => {
    const now = vi.spyOn(performance, "now").mockReturnValue(0);
    await writeFile(path, TOKEN);
    const file = new TokenFile(path);
    expect(await file.judge(TOKEN)).toEqual({ kind: "right" });
    await writeFile(path, "another-token-of-theirs");
    now.mockReturnValue(1_000);
    expect(await file.judge(TOKEN)).toEqual({ kind: "wrong" });
    expect(await file.judge("another-token-of-theirs")).toEqual({ kind: "right" });
  });

  test("is none where the file is missing, short or cannot be sent, and says why", async () => {
    expect(await new TokenFile(path).judge(TOKEN)).toEqual({ kind: "none", why: expect.stringContaining("ENOENT") });
    await writeFile(path, "short\n");
    expect(await new TokenFile(path).judge("short")).toEqual({ kind: "none", why: expect.stringContaining("16") });
    expect(asToken("with spaces in the middle", "X")).toMatchObject({ kind: "none" });
  });
});
