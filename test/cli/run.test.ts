import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { Option } from "commander";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EXIT, UsageError, type CommandEntry, type Typed } from "../../agent/cli/command.ts";
import { COMMANDS } from "../../agent/cli/commands.ts";
import { runCommand } from "../../agent/cli/run.ts";
import { LAB_COMMANDS } from "../../lab/cli/commands.ts";

let out: string;
let err: string;
let got: Typed | undefined;
beforeEach(() => {
  [out, err, got] = ["", "", undefined];
  vi.spyOn(process.stdout, "write").mockImplementation((text) => ((out += String(text)), true));
  vi.spyOn(process.stderr, "write").mockImplementation((text) => ((err += String(text)), true));
  vi.spyOn(console, "log").mockImplementation((text: string) => void (out += `${text}\n`));
  vi.spyOn(console, "error").mockImplementation((text: string) => void (err += `${text}\n`));
});
afterEach(() => void vi.restoreAllMocks());

const loads: string[] = [];
const entry = (name: string, run: (signal: AbortSignal) => Promise<number>): CommandEntry => ({
  summary: `Do ${name}`,
  load: () => {
    loads.push(name);
    return Promise.resolve({
      command: {
        declare: (parser) =>
          void parser
            .argument("[WORDS...]", "words")
            .option("--depth <N>", "how deep", "1")
            .addOption(new Option("--shape <SHAPE>", "which shape").choices(["round", "square"])),
        run: (typed, signal) => {
          got = typed;
          return run(signal);
        },
      },
    });
  },
});
const SAMPLE = {
  dig: entry("dig", () => Promise.resolve(EXIT.broken)),
  fill: entry("fill", () => Promise.reject(new UsageError("there is no earth; dig first"))),
};

test("a command gets what was typed, and its code is the exit code", async () => {
  expect(await runCommand(SAMPLE, ["dig", "here", "--depth", "3", "there"])).toBe(EXIT.broken);
  expect(got).toEqual({ words: ["here", "--depth", "3", "there"], args: ["here", "there"], options: { depth: "3" } });
});

test("only the command that is meant is loaded", async () => {
  loads.length = 0;
  await runCommand(SAMPLE, ["dig"]);
  expect(loads).toEqual(["dig"]);
});

describe("bad usage exits with 2, says what is wrong and where to look", () => {
  test.each([
    [["dgi"], /^internode: unknown command 'dgi'\n\(Did you mean dig\?\)\nThe commands are: dig, fill\n$/],
    [
      ["dig", "--dpeth=1"],
      /^internode dig: unknown option '--dpeth=1'\n\(Did you mean --depth\?\)\nTry 'internode dig --help'\.\n$/,
    ],
    [["dig", "--depth"], /^internode dig: option '--depth <N>' argument missing\nTry/],
    [["dig", "--shape", "flat"], /^internode dig: .* Allowed choices are round, square\.\nTry/],
    [["fill"], /^internode fill: there is no earth; dig first\nTry 'internode fill --help'\.\n$/],
  ])("%j", async (argv, said) => {
    expect(await runCommand(SAMPLE, argv)).toBe(EXIT.usage);
    expect(err).toMatch(said);
    expect(out).toBe("");
  });

  test("no command at all prints the help, where faults go", async () => {
    expect(await runCommand(SAMPLE, [])).toBe(EXIT.usage);
    expect(err).toMatch(/^Usage: internode/);
  });
});

test.each([[["--help"]], [["-h"]], [["help"]]])("%j lists the commands with a line each", async (argv) => {
  expect(await runCommand(SAMPLE, argv)).toBe(EXIT.fine);
  expect(out).toMatch(/ dig +Do dig\n +fill +Do fill\n/);
});

test.each([[["dig", "--help"]], [["help", "dig"]]])("%j says what a command takes", async (argv) => {
  expect(await runCommand(SAMPLE, argv)).toBe(EXIT.fine);
  expect(out).toMatch(/^Usage: internode dig \[options\] \[WORDS\.\.\.\]\n\nDo dig\.\n/);
  expect(out).toMatch(/--shape <SHAPE> +which shape \(choices: "round", "square"\)/);
});

test("an interrupt reaches the command, which ends with a code of its own", async () => {
  const started = Promise.withResolvers<void>();
  const waiting = entry("wait", (signal) => {
    started.resolve();
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(7)));
  });
  const running = runCommand({ waiting }, ["waiting"]);
  await started.promise;
  process.emit("SIGINT", "SIGINT");
  expect(await running).toBe(7);
});

test("an interrupt that breaks off what a command waits for ends it without a word, and not as fine", async () => {
  const started = Promise.withResolvers<void>();
  const waiting = entry("wait", async (signal) => {
    started.resolve();
    await sleep(60_000, undefined, { signal });
    return EXIT.fine;
  });
  const running = runCommand({ waiting }, ["waiting"]);
  await started.promise;
  process.emit("SIGINT", "SIGINT");
  expect(await running).toBe(EXIT.broken);
  expect(out + err).toBe("");
});

test.each(["0", "0.5", "99999999", "soon", "-1"])("--watch %s is bad usage", async (seconds) => {
  expect(await runCommand(COMMANDS, ["matrix", `--watch=${seconds}`])).toBe(EXIT.usage);
  expect(err).toContain(`--watch takes seconds from 1 to 3600, not '${seconds}'`);
});

describe("completion", () => {
  const completed = async (...words: string[]) => {
    out = "";
    await runCommand({ ...LAB_COMMANDS, ...COMMANDS }, ["complete", "--", ...words]);
    return out.split("\n").map((line) => line.split("\t")[0]);
  };

  test("offers commands, options and their values", async () => {
    expect(await completed("ma")).toContain("matrix");
    expect(await completed("")).toEqual(expect.arrayContaining(Object.keys(COMMANDS)));
    expect(await completed("matrix", "--")).toEqual(expect.arrayContaining(["--network", "--show", "--watch"]));
    expect(await completed("matrix", "--network", "")).toEqual(expect.arrayContaining(["pod", "node"]));
    expect(await completed("explain", "")).toEqual(expect.arrayContaining(["IN-NODE-DOWN", "IN-PAIR-LOSS"]));
    expect(await completed("completion", "")).toEqual(expect.arrayContaining(["bash", "zsh", "fish"]));
  });

  test.each(["bash", "zsh", "fish", "powershell"])("has a script for %s that asks this program", async (shell) => {
    expect(await runCommand(COMMANDS, ["completion", shell])).toBe(EXIT.fine);
    expect(out).toMatch(/internode complete '?--'?/);
  });

  test("for bash may be read again, and beside that of another program", async () => {
    expect(await runCommand(COMMANDS, ["completion", "bash"])).toBe(EXIT.fine);
    const others = "readonly ShellCompDirectiveError=1";
    const shell = spawnSync("bash", { input: `${others}\n${out}\n${out}`, encoding: "utf8" });
    expect(shell.stderr.split("\n").filter((line) => line.includes("readonly"))).toEqual([]);
  });

  test("of another shell is refused with those there are", async () => {
    expect(await runCommand(COMMANDS, ["completion", "csh"])).toBe(EXIT.usage);
    expect(err).toContain("bash, zsh, fish, powershell");
  });
});

test.each(Object.entries({ ...LAB_COMMANDS, ...COMMANDS }))("%s has help with a summary", async (name) => {
  expect(await runCommand({ ...LAB_COMMANDS, ...COMMANDS }, [name, "--help"])).toBe(EXIT.fine);
  expect(out).toContain(`Usage: internode ${name}`);
});
