// `internode` as one file: run from an empty folder, with neither Node.js nor a package in reach, against a real API.
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startAgent, type RunningAgent } from "../api/api-mesh.ts";
import { sampleNodes } from "../support/sample-mesh.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MESH = { nodes: 3, zones: 3 };
const folder = mkdtempSync(join(tmpdir(), "internode-executable-"));
const empty = join(folder, "empty");
const program = join(folder, "internode");
const HERE = { cwd: empty, encoding: "utf8", env: { PATH: empty, HOME: empty } } as const;

let agent: RunningAgent;
beforeAll(async () => {
  execFileSync(process.execPath, [join(ROOT, "scripts/executable.mjs"), "--out", program], { stdio: "pipe" });
  mkdirSync(empty);
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

const internode = (...words: readonly string[]): Promise<Ended> =>
  new Promise((resolve) => {
    execFile(program, words, HERE, (fault, out, err) => {
      resolve({ code: typeof fault?.code === "number" ? fault.code : 0, out, err });
    });
  });

test("it tells its version", async () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  expect(await internode("version")).toEqual({
    code: 0,
    out: `internode ${version} (node ${process.version})\n`,
    err: "",
  });
});

test("doctor and matrix ask a mesh", async () => {
  const doctor = await internode("doctor", "--url", agent.url);
  expect(doctor.out).toMatch(/✔ +Zones +3 zones/);
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
    { ...HERE },
  );
  expect(status).toBe(0);
  expect(stderr).toMatch(/^(?:141|0)\n$/);
});

test("the licences of what is inside lie beside it", () => {
  expect(readFileSync(`${program}.licences.txt`, "utf8")).toMatch(/^commander \d.*\(MIT\)/m);
});
