// The process around a command, as a shell sees it.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const START = new URL("../../agent/cli/start.ts", import.meta.url).href;

const ended = (run: string) =>
  spawnSync(
    process.execPath,
    [
      "--input-type=module",
      "--eval",
      `import { start } from ${JSON.stringify(START)};
       start({ dig: { summary: "Dig", load: async () => ({ command: { declare() {}, run: ${run} } }) } });`,
      "internode",
      "dig",
    ],
    { encoding: "utf8", cwd: fileURLToPath(new URL("../..", import.meta.url)) },
  );

test("the code of a command is the code of the process", () => {
  expect(ended("async () => 1")).toMatchObject({ status: 1, stdout: "", stderr: "" });
});

test("a fault that nobody thought of is one sentence, with where it was and no trace", () => {
  const { status, stderr } = ended('async () => { throw new TypeError("a \\u001b[31m b"); }');
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^internode: a .* b\. Nobody thought of this: please report it, with version .* and 'at .*'.*\n$/,
  );
  expect(stderr).not.toContain("\u001b");
});

test("a command that asks nobody loads no package but the one that parses: it answers at once", () => {
  const main = new URL("../../lab/main.ts", import.meta.url).href;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      "--input-type=module",
      "--eval",
      `import { registerHooks } from "node:module";
       const urls = [];
       registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) });
       process.on("exit", () => console.error(JSON.stringify(urls)));
       await import(${JSON.stringify(main)});`,
      "internode",
      "version",
    ],
    { encoding: "utf8" },
  );
  expect(stdout).toMatch(/^internode \d/);
  const packages = (JSON.parse(stderr) as string[]).flatMap((url) => /node_modules\/([^/]+)/.exec(url)?.[1] ?? []);
  expect([...new Set(packages)]).toEqual(["commander"]);
});
