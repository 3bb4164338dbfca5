// `internode` as people install it: run from an empty folder, with nothing of the checkout in reach, against a real API.
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startAgent, type RunningAgent } from "../api/api-mesh.ts";
import { sampleNodes } from "../support/sample-mesh.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const { version: VERSION } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
const MESH = { nodes: 3, zones: 3 };
const folder = mkdtempSync(join(tmpdir(), "internode-program-"));
const empty = join(folder, "empty");

/** A way to get the command line: made from this checkout, installed where nothing of it is in reach. */
interface Way {
  readonly name: string;
  readonly program: string;
  readonly licences: string;
  /** Folders that it finds programs in. */
  readonly path: string;
  install(): void;
}

const npmFolder = join(folder, "npm");
const executable = join(folder, "internode");
const WAYS: readonly Way[] = [
  {
    name: "one executable, without Node.js",
    program: executable,
    licences: `${executable}.licences.txt`,
    path: empty,
    install: () => {
      execFileSync(process.execPath, [join(ROOT, "scripts/executable.mjs"), "--out", executable], { stdio: "pipe" });
    },
  },
  {
    name: "npm's package, as a plugin of kubectl",
    program: join(npmFolder, "bin/kubectl-internode"),
    licences: join(npmFolder, "lib/node_modules/internode/THIRD-PARTY-LICENSES.txt"),
    path: dirname(process.execPath),
    install: () => {
      execFileSync(process.execPath, [join(ROOT, "scripts/npm-package.mjs"), "--out", folder], { stdio: "pipe" });
      // Without a registry: nothing else may be needed.
      const options = ["--global", "--offline", "--prefix", npmFolder, "--cache", join(folder, "cache")];
      execFileSync("npm", ["install", ...options, join(folder, `internode-${VERSION}.tgz`)], { stdio: "pipe" });
    },
  },
];

let agent: RunningAgent;
beforeAll(async () => {
  mkdirSync(empty);
  for (const way of WAYS) way.install();
  agent = await startAgent(MESH, sampleNodes(MESH)[0]!, "127.0.0.1", {});
}, 60_000);
afterAll(async () => {
  await agent.api[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

describe.each(WAYS)("$name", ({ program, licences, path }) => {
  const here = { cwd: empty, encoding: "utf8", env: { PATH: path, HOME: empty, TMPDIR: folder } } as const;
  const internode = (...words: readonly string[]): Promise<Ended> =>
    new Promise((resolve) => {
      execFile(program, words, here, (fault, out, err) => {
        resolve({ code: typeof fault?.code === "number" ? fault.code : 0, out, err });
      });
    });

  test("it tells its version", async () => {
    expect(await internode("version")).toEqual({
      code: 0,
      out: `internode ${VERSION} (node ${process.version})\n`,
      err: "",
    });
  });

  test("doctor and matrix ask a mesh", async () => {
    const doctor = await internode("doctor", "--url", agent.url);
    // One of three answers, at an address that nobody else has.
    expect(doctor.out).toMatch(/\? +Zones +1 of 3 agents report/);
    expect(doctor.err).toBe("");
    const matrix = await internode("matrix", "--url", agent.url, "-o", "json");
    expect(JSON.parse(matrix.out)).toMatchObject({ schemaVersion: 1 });
    expect(matrix.err).toBe("");
  });

  test("it has the guide and the codes inside", async () => {
    expect((await internode("troubleshoot", "dns", "--url", agent.url)).out).toMatch(/dns/i);
    expect((await internode("explain", "IN-NODE-DOWN")).out).toContain("IN-NODE-DOWN");
  });

  test("with nobody to ask and no kubeconfig it says so in a sentence", async () => {
    const { code, out, err } = await internode("topology");
    expect(code).toBe(1);
    expect(out + err).toContain("no kubeconfig");
    expect(out + err).not.toMatch(/^ +at /m);
  });

  test("the agent is not in it", async () => {
    expect(await internode("agent")).toMatchObject({ code: 2 });
  });

  test("who stops reading ends it without a word", () => {
    const { status, stderr } = spawnSync(
      "/bin/sh",
      ["-c", `{ '${program}' troubleshoot --help; echo $? >&2; } | /bin/true`],
      here,
    );
    expect(status).toBe(0);
    expect(stderr).toMatch(/^(?:141|0)\n$/);
  });

  test("the licences of what is inside lie beside it", () => {
    expect(readFileSync(licences, "utf8")).toMatch(/^commander \d.*\(MIT\)/m);
  });
});
