// A clone of this checkout as somebody else has it: another user's, in a folder with spaces, with Node.js of another
// version as the machine's own. Its files are those of the working tree; the packages are copied, not installed.
import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { SEARCHED } from "../../scripts/programs.mjs";
import { until } from "./demos.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface Place {
  /** Words in front of every command. */
  readonly as: readonly string[];
  /** Whose the clone is, by number. */
  readonly owner: number;
  /** The machine's own Node.js; default: the one that runs this. */
  readonly node?: string;
}

export interface Clone extends Disposable {
  readonly folder: string;
  /** `npm test -- FILE…` to its end. */
  test(place: Place, ...files: readonly string[]): { readonly status: number | null; readonly output: string };
  /** `npm start` until its page answers, then Ctrl-C; what it said. Throws when something of it is left. */
  start(place: Place): Promise<string>;
}

export function makeClone(): Clone {
  const base = mkdtempSync(join(tmpdir(), "internode clone "));
  const folder = join(base, "in ter node");
  const [home, temporary] = [join(base, "home"), join(base, "tmp")];
  for (const path of [folder, home, temporary]) mkdirSync(path);
  const files = execFileSync("git", ["ls-files", "-z", "-co", "--exclude-standard"], { cwd: ROOT });
  const packed = execFileSync("tar", ["--create", "--null", "--files-from=-"], {
    cwd: ROOT,
    input: files,
    maxBuffer: 1 << 30,
  });
  execFileSync("tar", ["--extract"], { cwd: folder, input: packed });
  execFileSync("cp", ["-a", join(ROOT, "node_modules"), folder]);
  let ownedBy = process.getuid!();
  const give = (owner: number): void => {
    if (owner !== ownedBy) execFileSync("chown", ["-R", `${owner}:${owner}`, base]);
    ownedBy = owner;
  };

  const npm = realpathSync(execFileSync("sh", ["-c", "command -v npm"], { encoding: "utf8" }).trim());
  /** npm on that Node.js, which is also the first `node` on the PATH. */
  const command = ({ as, owner, node = process.execPath }: Place, ...words: readonly string[]) => {
    give(owner);
    const bin = mkdtempSync(join(base, "bin-"));
    symlinkSync(node, join(bin, "node"));
    chmodSync(bin, 0o755);
    const path = [bin, ...SEARCHED.filter((one) => !one.includes("node_modules"))];
    return {
      words: [...as, node, npm, ...words],
      options: {
        cwd: folder,
        env: { HOME: home, TMPDIR: temporary, PATH: path.join(delimiter), TOOLS_CACHE: join(base, "tools") },
      },
    };
  };
  return {
    folder,
    test(place, ...files) {
      const { words, options } = command(place, "test", "--", ...files);
      const { status, stdout, stderr } = spawnSync(words[0]!, words.slice(1), { ...options, encoding: "utf8" });
      return { status, output: `${stdout}${stderr}` };
    },
    async start(place) {
      const { words, options } = command(place, "start", "--", "--nodes", "2", "--zones", "1");
      // A process group of its own: a terminal's Ctrl-C reaches all of it.
      const child = spawn(words[0]!, words.slice(1), { ...options, detached: true, stdio: ["ignore", "pipe", "pipe"] });
      let output = "";
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (text: string) => (output += text));
      try {
        await until("the demo is up", () => output.includes("Ctrl-C stops it") || child.exitCode !== null);
        const page = /Page\s+(\S+)/.exec(output)?.[1];
        if (page === undefined) throw new Error(`npm start came to nothing:\n${output}`);
        const answer = await (await fetch(page)).text();
        if (!answer.includes("<html")) throw new Error(`the page answered: ${answer}`);
      } finally {
        await interrupt(child);
      }
      // npm keeps a cache of its own there.
      const left = readdirSync(temporary).filter((name) => name.startsWith("in"));
      if (left.length > 0) throw new Error(`npm start left ${left.join(", ")} behind:\n${output}`);
      return output;
    },
    [Symbol.dispose]() {
      rmSync(base, { recursive: true, force: true });
    },
  };
}

async function interrupt(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const closed = once(child, "close");
  process.kill(-child.pid, "SIGINT");
  await closed;
}
