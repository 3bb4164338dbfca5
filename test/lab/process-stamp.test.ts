import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { formatStamp, isRunning, parseStamp, stampOf } from "../../lab/process-stamp.ts";

test("this process runs, and one with its number but another start or boot does not", async () => {
  const stamp = await stampOf(process.pid);
  expect(await isRunning(stamp)).toBe(true);
  expect(await isRunning({ ...stamp, started: `${stamp.started}1` })).toBe(false);
  expect(await isRunning({ ...stamp, boot: "another" })).toBe(false);
  expect(await isRunning({ pid: 0, started: "", boot: "" })).toBe(false);
});

test.runIf(process.platform === "linux")("a process that has ended but is not reaped yet does not run", async () => {
  // The shell's child ends and stays a zombie for as long as the `sleep` that the shell becomes does not wait for it.
  const parent = spawn("sh", ["-c", "sleep 0.01 & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  const pid = Number(String(line));
  const stamp = await stampOf(pid);
  await expect.poll(() => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]![0], { timeout: 10_000 }).toBe("Z");
  expect(await isRunning(stamp)).toBe(false);
  parent.kill();
  await once(parent, "exit");
});

test("a stamp survives being one word, and a word that is none is no stamp", async () => {
  const stamp = await stampOf(process.pid);
  expect(parseStamp(formatStamp(stamp))).toEqual(stamp);
  for (const text of ["", "abc", "1", "1:2", "1:2:3:4", "-1:2:3"]) expect(parseStamp(text)).toBeUndefined();
});
