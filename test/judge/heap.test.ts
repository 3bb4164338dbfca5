// In processes of their own, started as the image starts Node.js: how often V8 collects its whole heap.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const HEAP = new URL("../../agent/judge/heap.ts", import.meta.url).href;
const [, entrypoint] = /^ENTRYPOINT (\[.*\])$/m.exec(
  readFileSync(fileURLToPath(new URL("../../Dockerfile", import.meta.url)), "utf8"),
)!;
const FLAGS = (JSON.parse(entrypoint!) as string[]).filter((word) => word.startsWith("--"));

/** Whole collections while rows come and go, before `change` and after it. */
async function collections(change: string, flags: readonly string[] = FLAGS): Promise<readonly [number, number]> {
  const source = `
    import { PerformanceObserver, constants } from "node:perf_hooks";
    import { setTimeout as sleep } from "node:timers/promises";
    import { letHeapGrow } from ${JSON.stringify(HEAP)};
    let whole = 0;
    const count = (list) => { for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) whole++; };
    const observer = new PerformanceObserver(count);
    observer.observe({ entryTypes: ["gc"] });
    const kept = [];
    async function comeAndGo() {
      whole = 0;
      for (let round = 0; round < 40; round++) {
        kept.push(Array.from({ length: 20_000 }, (_, i) => ({ i, of: [i, i + 1, i + 2], name: \`row \${i}\` })));
        if (kept.length > 10) kept.shift();
        await sleep(1);
      }
      await sleep(20);
      return whole;
    }
    await comeAndGo();
    const before = await comeAndGo();
    ${change};
    console.log(JSON.stringify([before, await comeAndGo()]));`;
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, "--input-type=module", "--eval", source]);
  return JSON.parse(stdout) as [number, number];
}

test("while an agent judges its whole heap is collected less than half as often", async () => {
  const [before, after] = await collections("letHeapGrow(true)");
  expect(before).toBeGreaterThan(5);
  expect(after * 2).toBeLessThan(before);
});

test("an agent that judges no more is as frugal as before", async () => {
  const [before, after] = await collections(
    "letHeapGrow(true); await comeAndGo(); letHeapGrow(false); await comeAndGo()",
  );
  expect(after * 2).toBeGreaterThan(before);
});

test("Node.js that was started without the flag is left alone", async () => {
  const [, after] = await collections("letHeapGrow(true); letHeapGrow(false)", []);
  const [before] = await collections("");
  expect(after * 2).toBeLessThan(before);
});
