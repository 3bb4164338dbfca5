// .ci/run with stand-ins for its suites: processes that take seconds where the real ones take minutes.
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { runPipeline, type PipelineOptions, type Suite } from "../../scripts/ci/pipeline.ts";
import { stepsFor, SUITE_NAMES, toolsOf } from "../../scripts/ci/suites.ts";
import { RECIPES } from "../../scripts/tools/recipes.ts";
import { daemonsOf } from "../cluster/cni.ts";
import { CNIS } from "../cluster/plan.ts";
import { NOTHING, type Summary } from "../../scripts/test/summary.ts";

const script = (name: string, source: string, minutes = 1): Suite => ({
  name,
  command: [process.execPath, "-e", source],
  minutes,
});

/** Leaves a summary as scripts/test.ts does, and ends by its number of failures. */
function suite(name: string, summary: Partial<Summary> = {}, before = ""): Suite {
  const text = JSON.stringify({ ...NOTHING, passed: 1, ...summary });
  return script(
    name,
    `${before}; console.log("${name} speaks"); require("fs").writeFileSync(process.env.TEST_SUMMARY, ${JSON.stringify(text)}); process.exitCode = ${summary.failed ?? 0}`,
  );
}

async function run(steps: PipelineOptions["steps"], more: Partial<PipelineOptions> = {}) {
  let output = "";
  const code = await runPipeline({ steps, budgetMs: 60_000, write: (text) => (output += text), ...more });
  const rowOf = (name: string) => output.match(new RegExp(`^${name} .*$`, "gm"))?.at(-1);
  return { code, output, rowOf, last: output.trimEnd().split("\n").at(-1) };
}

const FOREVER = "setInterval(() => {}, 1000)";

test("suites that pass are added up, in a table with the time of each, and in a closing line that stands alone", async () => {
  const { code, output, rowOf, last } = await run([
    [[suite("one", { passed: 7, skipped: 2 })]],
    [[suite("two", { passed: 3 })], [suite("three")]],
  ]);
  expect(code).toBe(0);
  expect(rowOf("one")).toMatch(/^one +passed +\d+ s +1 min +\d+ s +7 +0 +2$/);
  expect(rowOf("three")).toMatch(/^three +passed/);
  expect(rowOf("all")).toMatch(/\d+ s/);
  expect(last).toBe("11 passed, 0 failed, 2 skipped");
  for (const name of ["one", "two", "three"]) expect(output).toContain(`\n${name} speaks\n`);
});

test("the suites of a step run side by side, the steps one after the other", async () => {
  // Each waits for the other: alone neither would end.
  const waiting = (name: string, other: string) =>
    suite(
      name,
      {},
      `const fs = require("fs"), dir = require("path").dirname(process.env.TEST_SUMMARY); fs.writeFileSync(dir + "/${name}", ""); while (!fs.existsSync(dir + "/${other}"));`,
    );
  const { code, output } = await run([[[waiting("a", "b")], [waiting("b", "a")]], [[suite("later")]]]);
  expect(code).toBe(0);
  expect(output.indexOf("later begins")).toBeGreaterThan(output.indexOf("b passed"));
});

test("what failed, what passed only at the second try and what was skipped for want of something is told once more at the end", async () => {
  const { code, output, last } = await run([
    [[suite("bad", { failed: 2, failures: ["a.test.ts: falls\nbecause", "b.test.ts: falls, too"] })]],
    [[suite("never")]],
  ]);
  expect(code).toBe(1);
  expect(output).toContain("\nFAILED a.test.ts: falls\nbecause\n");
  expect(output).toMatch(/^never +not run$/m);
  expect(last).toBe("1 passed, 2 failed, 0 skipped");

  const flaky = await run([
    [[suite("flaky", { secondTry: ["c.test.ts: blinks\nexpected 1"], wanted: { "a lab": 3 } })]],
  ]);
  expect(flaky.output).toContain("Passed only at the second try:\n  c.test.ts: blinks\n    expected 1\n");
  expect(flaky.output).toContain("  3 for a lab\n");
});

/** Fails as `failures` tell, and when it is told files to run, as `again` tells. */
function failing(name: string, failures: readonly string[], again: readonly string[]): Suite {
  const told = JSON.stringify(
    [failures, again].map((list) => ({ ...NOTHING, passed: 5, failed: list.length, failures: list })),
  );
  return {
    ...script(
      name,
      `const files = process.argv.slice(1).filter((word) => word !== "--"); console.log("${name} runs [" + files + "]"); const summary = ${told}[files.length > 0 ? 1 : 0]; require("fs").writeFileSync(process.env.TEST_SUMMARY, JSON.stringify(summary)); process.exitCode = summary.failed`,
    ),
    takesFiles: true,
  };
}
const FELL = "test/long/a.test.ts: a lab > falls\nnever: a finding";

test("a test file that fails beside other suites is tried once more when they have ended, and told as passed at the second try", async () => {
  const { code, output, rowOf, last } = await run([
    [[failing("long", [FELL], [])], [suite("beside")]],
    [[suite("later")]],
  ]);
  expect(output).toContain("--- long: once more, alone: test/long/a.test.ts\nlong runs [test/long/a.test.ts]\n");
  expect(output.indexOf("long: once more")).toBeGreaterThan(output.indexOf("beside passed"));
  expect(output.indexOf("later begins")).toBeGreaterThan(output.indexOf("long passed alone"));
  expect(rowOf("long")).toMatch(/^long +passed/);
  expect(output).toContain(
    "Passed only at the second try:\n  test/long/a.test.ts: a lab > falls\n    never: a finding (passed alone)\n",
  );
  expect([code, last]).toEqual([0, "8 passed, 0 failed, 0 skipped"]);
});

test("one that fails alone, too, has failed, and is not tried a third time", async () => {
  const { code, output, last } = await run([[[failing("long", [FELL], [FELL])]], [[suite("later")]]], {
    keepGoing: true,
  });
  expect(output.match(/once more/g)).toHaveLength(1);
  expect(output).toContain(`\nFAILED ${FELL}\n`);
  expect([code, last]).toEqual([1, "6 passed, 1 failed, 0 skipped"]);
});

test("what failed outside of a test file, or in many, is not tried again", async () => {
  const many = ["a", "b", "c", "d"].map((name) => `test/long/${name}.test.ts: falls`);
  for (const failures of [["long: vitest ended with 1, though no test failed"], [FELL, "outside of any test"], many]) {
    const { code, output } = await run([[[failing("long", failures, [])]]]);
    expect([code, output.includes("once more")]).toEqual([1, false]);
  }
});

test("with keepGoing the next step runs all the same, and the end is bad", async () => {
  const { code, rowOf } = await run([[[suite("bad", { failed: 1 })]], [[suite("good")]]], { keepGoing: true });
  expect([code, rowOf("bad"), rowOf("good")]).toEqual([
    1,
    expect.stringMatching(/^bad +failed/),
    expect.stringMatching(/^good +passed/),
  ]);
});

test("a suite that ends without telling of any test is a failure, whatever its exit code", async () => {
  for (const source of ["0", "process.exit(3)", "process.kill(process.pid, 'SIGKILL')"]) {
    const { code, last } = await run([[[script("mute", source)]]]);
    expect([source, code, last]).toEqual([source, 1, "0 passed, 1 failed, 0 skipped"]);
  }
  const absent = await run([[[{ name: "absent", command: ["/no/such/program"], minutes: 1 }]]]);
  expect([absent.code, absent.output]).toEqual([1, expect.stringContaining("ENOENT")]);
  const built = await run([[[{ ...script("tools", "0"), testless: true }]], [[suite("after")]]]);
  expect([built.code, built.last]).toEqual([0, "1 passed, 0 failed, 0 skipped"]);
});

test("when time runs out all that runs is stopped, the suite that was too long is named, and what was done is counted", async () => {
  const { code, output, rowOf, last } = await run(
    [
      [[suite("quick", { passed: 5 })], [script("slow", FOREVER, 0.001)], [script("patient", FOREVER, 60)]],
      [[suite("later")]],
    ],
    { budgetMs: 2_000 },
  );
  expect(code).toBe(1);
  expect(output).toMatch(
    /stopped after 2 s\. Too long: slow, \d+ s where it should take 0\.001 min\. Not finished: (slow, patient|patient, slow)$/m,
  );
  expect(rowOf("slow")).toMatch(/^slow +too long/);
  expect(rowOf("later")).toMatch(/^later +not run/);
  expect(last).toBe("5 passed, 2 failed, 0 skipped");
});

test("the whole family of a suite that is stopped ends with it", async () => {
  const family = `const child = require("child_process").spawn(process.execPath, ["-e", "${FOREVER}"]); console.log("child " + child.pid); ${FOREVER}`;
  const stop = new AbortController();
  let output = "";
  const write = (text: string): void => {
    output += text;
    if (/child \d+\n/.test(output)) stop.abort();
  };
  await run([[[script("parent", family)]]], { signal: stop.signal, write });
  const pid = Number(/child (\d+)/.exec(output)![1]);
  await expect.poll(() => isAlive(pid)).toBe(false);
});

test("a long suite is heard of while it runs", async () => {
  const { output } = await run([[[suite("long", {}, "const end = Date.now() + 600; while (Date.now() < end);")]]], {
    heartbeatMs: 100,
  });
  expect(output).toMatch(/--- running: long \(\d s\)/);
});

test("a run that is interrupted stops what runs, and says so", async () => {
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 500);
  const { code, rowOf } = await run([[[script("endless", FOREVER)]]], { signal: stop.signal });
  expect([code, rowOf("endless")]).toEqual([1, expect.stringMatching(/^endless +stopped/)]);
});

test("processor time is each suite's own, that of its children included", async () => {
  const burn = "const end = process.cpuUsage().user + 6e5; while (process.cpuUsage().user < end);";
  const { rowOf } = await run([[[suite("busy", {}, burn)], [suite("idle")]]]);
  const seconds = (name: string) => Number(/min +(\d+) s/.exec(rowOf(name)!)![1]);
  expect(seconds("busy")).toBeGreaterThanOrEqual(1);
  expect(seconds("idle")).toBeLessThanOrEqual(seconds("busy"));
});

test("only what the chosen suites run is built: together every recipe but those of other CNIs, which take minutes", () => {
  expect(toolsOf(["serial", "alerts"])).toEqual([]);
  expect(toolsOf(["long"])).toEqual(["prometheus"]);
  const cnis = CNIS.flatMap((cni) => daemonsOf({ cni, policy: "none" })).map(({ tool }) => tool);
  expect([...new Set(cnis)]).toEqual(["flannel", "kube-router"]);
  const rest = Object.keys(RECIPES).filter((name) => !cnis.some((tool) => tool === name));
  expect(toolsOf(SUITE_NAMES)).toEqual([...rest, "node20", "node22"]);
  expect(
    stepsFor(["serial"])
      .flat(2)
      .map(({ name }) => name),
  ).toEqual(["serial"]);
  expect(
    stepsFor(["long", "serial"])
      .flat(2)
      .map(({ name }) => name),
  ).toEqual(["tools", "long", "serial"]);
  expect(
    new Set(
      stepsFor(SUITE_NAMES)
        .flat(2)
        .map(({ name }) => name),
    ),
  ).toEqual(new Set(["tools", ...SUITE_NAMES]));
});

/** One that has ended and that nobody has reaped yet does not count. */
function isAlive(pid: number): boolean {
  const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : ") Z";
  return !stat.slice(stat.lastIndexOf(")")).startsWith(") Z");
}
