// How commands start an action at a URL: the token from wherever it is, and each fault a sentence with the cure.
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { runAction } from "../../agent/cli/actions/run-action.ts";
import { AgentUnreachable } from "../../agent/cli/mesh-client.ts";
import { actionsMesh, TOKEN, type ActionsMesh } from "../actions/actions-mesh.ts";

let mesh: ActionsMesh;
beforeEach(async () => {
  mesh = await actionsMesh();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await mesh[Symbol.asyncDispose]();
});

const never = new AbortController().signal;

async function told(wanted: { url?: string; tokenFile?: string; action?: string; node?: string } = {}) {
  const { url = mesh.agents[0]!.url, tokenFile, action = "counting", node } = wanted;
  const lines: object[] = [];
  const asked = { action, node, request: { to: "node-2", n: 2 }, tokenFile };
  for await (const line of runAction({ kind: "url", url }, asked, never)) lines.push(line);
  return lines;
}

const faultOf = (wanted: Parameters<typeof told>[0]) =>
  told(wanted).then(
    () => "none",
    (err: unknown) => (err instanceof AgentUnreachable ? err.message : err),
  );

describe("an action of the command line", () => {
  test("takes the token of a file, and tells what happens and what came of it", async () => {
    expect(await told({ tokenFile: mesh.tokenFile })).toEqual([
      { kind: "progress", i: 0 },
      { kind: "progress", i: 1 },
      { kind: "result", to: "node-2", self: "node-1", left: false },
    ]);
  });

  test("takes the token of the environment, and runs at the node that is meant", async () => {
    vi.stubEnv("INTERNODE_TOKEN", TOKEN);
    expect((await told({ node: "node-3" })).at(-1)).toMatchObject({ self: "node-3" });
  });

  test("takes the token of the agent in whose pod it runs", async () => {
    const directory = await mkdtemp(join(tmpdir(), "internode-run-action-"));
    const config = join(directory, "config.json");
    const own = {
      node: { name: "node-1" },
      discovery: { kind: "static", file: "x" },
      tokenFile: mesh.tokenFile,
    };
    await writeFile(config, JSON.stringify(own));
    vi.stubEnv("INTERNODE_CONFIG", config);
    expect((await told()).at(-1)).toMatchObject({ kind: "result" });
    await rm(directory, { recursive: true });
  });

  test("says what would help without a token, with a wrong one, and with one that cannot be", async () => {
    expect(await faultOf({})).toMatch(/refuses \(HTTP 401\): .*--token-file or INTERNODE_TOKEN/);
    vi.stubEnv("INTERNODE_TOKEN", "a-guess-of-the-right-length");
    expect(await faultOf({})).toMatch(/refuses \(HTTP 401\): .*take it from the Secret/);
    vi.stubEnv("INTERNODE_TOKEN", "short");
    expect(await faultOf({})).toMatch(/the token in INTERNODE_TOKEN has 5 characters/);
    expect(await faultOf({ tokenFile: "/nowhere/token" })).toMatch(/cannot be read: ENOENT/);
  });

  test("says that nobody is there, and that an older agent knows no actions", async () => {
    vi.stubEnv("INTERNODE_TOKEN", TOKEN);
    expect(await faultOf({ url: "http://127.0.0.1:1" })).toMatch(/no agent answers at .*ECONNREFUSED.*port-forward/);
    const older = createServer((_req, res) => void res.writeHead(405).end('{"error":"it only reads"}'));
    older.listen(0, "127.0.0.1");
    await once(older, "listening");
    const url = `http://127.0.0.1:${(older.address() as AddressInfo).port}`;
    expect(await faultOf({ url })).toMatch(/HTTP 405.*it only reads.*finish the upgrade/);
    older.close();
  });

  test("gives up on a port where somebody listens and never answers", async () => {
    vi.stubEnv("INTERNODE_TOKEN", TOKEN);
    const silent = createServer();
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
      const fault = faultOf({ url });
      await once(silent, "request");
      vi.advanceTimersByTime(15_000);
      expect(await fault).toMatch(/no agent answers at .*no answer within 15 s/);
    } finally {
      vi.useRealTimers();
      silent.close().closeAllConnections();
    }
  });

  test("does not take a connection that breaks off for a result", async () => {
    vi.stubEnv("INTERNODE_TOKEN", TOKEN);
    const breaking = createServer((_req, res) => void res.writeHead(200).end('{"kind":"progress"}\n'));
    breaking.listen(0, "127.0.0.1");
    await once(breaking, "listening");
    const url = `http://127.0.0.1:${(breaking.address() as AddressInfo).port}`;
    expect(await faultOf({ url })).toMatch(/broke off before the result/);
    breaking.close();
  });
});
