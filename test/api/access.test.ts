// Who may read what. A request from "another pod" is one from an address of this machine that is not loopback.
import { networkInterfaces } from "node:os";
import { request } from "undici";
import { afterEach, describe, expect, test, vi } from "vitest";
import { isSafeHost } from "../../agent/api/access.ts";
import { startApi } from "../../agent/api/api.ts";
import type { TokenFile } from "../../agent/base/token-file.ts";
import { ROUTES } from "../../agent/api/routes.ts";
import { SILENT_LOG, ScriptedAgent } from "./api-mesh.ts";

const MESH = { nodes: 2, zones: 1 };
const own = Object.values(networkInterfaces())
  .flat()
  .find((a) => a?.family === "IPv4" && !a.internal)?.address;
const opened: AsyncDisposable[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const api of opened.splice(0)) await api[Symbol.asyncDispose]();
});

async function start({ agents = [], token }: { agents?: string[]; token?: Pick<TokenFile, "judge"> } = {}) {
  const sources = new ScriptedAgent(MESH, { name: "node-1", zone: "zone-a" });
  for (const address of agents) sources.agents.add(address);
  const api = await startApi({ sources, port: 0, listen: [], log: SILENT_LOG, token: token as TokenFile | undefined });
  opened.push(api);
  return api.port;
}

async function status(url: string, headers: Record<string, string> = {}) {
  const { statusCode, body } = await request(url, { headers });
  return { statusCode, text: await body.text() };
}

const ANYONE = ["/healthz", "/readyz", "/api/v1/identity", "/api/v1/pairs", "/api/v1/pairs?destination=node-2"];
const AGENTS = [
  "/api/v1/pairs?detail=seconds",
  "/api/v1/pairs?destination=node-2&detail=window",
  "/api/v1/pairs?since=10m",
  "/api/v1/pairs?detail=evidence",
  "/api/v1/pairs?x=1",
  "/api/v1/pairs?of=node-1",
  "/api/v1/verdict",
  "/api/v1/verdict?by=node-1",
  "/api/v1/findings",
];
const LOOPBACK = [
  "/",
  "/page.js",
  "/api/v1/mesh",
  "/api/v1/mesh/events",
  "/api/v1/pair?source=a&destination=b",
  "/api/v1/peers",
  "/api/v1/node?of=node-2",
  "/api/v1/node?namespace=widest",
  "/api/v1/pairs/",
  "/API/v1/pairs",
  "/nothing",
];

const WITH_TOKEN = ["/api/v1/node"];

test("every path of the API is in these lists", () => {
  const told = new Set([...ANYONE, ...AGENTS, ...WITH_TOKEN, ...LOOPBACK].map((path) => path.split("?")[0]));
  expect(ROUTES.map(({ path }) => path).filter((path) => !told.has(path))).toEqual([]);
});

describe.skipIf(own === undefined)("from another address (needs an IPv4 address besides loopback)", () => {
  const asLoopback = { host: "localhost", "x-forwarded-for": "127.0.0.1" };

  test.each(ANYONE)("%s is answered to anyone", async (path) => {
    expect((await status(`http://${own}:${await start()}${path}`)).statusCode).toBe(200);
  });

  test.each(AGENTS)(
    "%s is answered to an agent of the mesh, and refused to a stranger with the way in",
    async (path) => {
      const stranger = await status(`http://${own}:${await start()}${path}`, asLoopback);
      expect(stranger.statusCode).toBe(403);
      expect(stranger.text).toContain("the agents of this mesh");
      expect(stranger.text).toContain("kubectl port-forward");
      const port = await start({ agents: [own!] });
      expect((await status(`http://${own}:${port}${path}`)).statusCode).toBe(200);
    },
  );

  test.each(LOOPBACK)("%s is refused with the way in, to agents too", async (path) => {
    for (const agents of [[], [own!]]) {
      const { statusCode, text } = await status(`http://${own}:${await start({ agents })}${path}`, asLoopback);
      expect(statusCode).toBe(403);
      expect(text).toContain("kubectl port-forward");
    }
  });

  describe.each(WITH_TOKEN)("%s", (path) => {
    const TOKEN = "a-token-that-nobody-guesses";
    const judge = (given: string | undefined) =>
      Promise.resolve({ kind: given === TOKEN ? "right" : given === undefined ? "missing" : "wrong" } as const);

    test.each([
      ["without a token", {}],
      ["with a wrong token", { "x-internode-token": "another-word-altogether" }],
      ["with the token where the API server's proxy would take it away", { authorization: `Bearer ${TOKEN}` }],
      ["with the token in the query", { "x-internode-token": "" }],
    ])("is refused to strangers and agents %s", async (_, headers: Record<string, string>) => {
      for (const agents of [[], [own!]]) {
        const port = await start({ agents, token: { judge } });
        const { statusCode, text } = await status(`http://${own}:${port}${path}`, { ...asLoopback, ...headers });
        expect(statusCode).toBe(403);
        expect(text).not.toContain("interfaces");
      }
    });

    test("is answered to who has the token, and to loopback without it", async () => {
      const port = await start({ token: { judge } });
      const answer = await status(`http://${own}:${port}${path}`, { "x-internode-token": TOKEN });
      expect(answer.statusCode).toBe(200);
      expect((await status(`http://127.0.0.1:${port}${path}`)).text).toBe(answer.text);
    });

    test("is refused to all but loopback where no token is configured", async () => {
      const port = await start({ agents: [own!] });
      expect((await status(`http://${own}:${port}${path}`, { "x-internode-token": TOKEN })).statusCode).toBe(403);
      expect((await status(`http://127.0.0.1:${port}${path}`)).statusCode).toBe(200);
    });

    test("lets nobody with the token make this agent ask others", async () => {
      const port = await start({ token: { judge } });
      for (const query of ["of=node-2", "namespace=host", "x=1"])
        expect((await status(`http://${own}:${port}${path}?${query}`, { "x-internode-token": TOKEN })).statusCode).toBe(
          403,
        );
    });
  });

  /** Three readers of the plain row at one moment, then one more at the next; how many rows were built by then. */
  async function rowsBuilt({ tookMs, laterMs }: { tookMs: number; laterMs: number }): Promise<[number, number]> {
    const sources = new ScriptedAgent(MESH, { name: "node-1", zone: "zone-a" });
    const api = await startApi({ sources, port: 0, listen: [], log: SILENT_LOG });
    opened.push(api);
    const clock = vi.spyOn(performance, "now").mockReturnValue(5_000);
    const build = sources.row.bind(sources);
    vi.spyOn(sources, "row").mockImplementation((query) => {
      clock.mockReturnValue(performance.now() + tookMs);
      return build(query);
    });
    for (const path of ["/api/v1/pairs", "/api/v1/pairs?destination=node-2", "/api/v1/pairs"])
      await status(`http://${own}:${api.port}${path}`);
    const first = sources.rowsGiven;
    clock.mockReturnValue(5_000 + laterMs);
    await status(`http://${own}:${api.port}/api/v1/pairs`);
    return [first, sources.rowsGiven];
  }

  test.each([
    ["given again for twenty times as long as it took to write", { tookMs: 10, laterMs: 199 }, [1, 1]],
    ["written anew after that", { tookMs: 10, laterMs: 200 }, [1, 2]],
    ["never older than a second", { tookMs: 80, laterMs: 1_000 }, [1, 2]],
  ])("the plain row is %s", async (_, times, built) => {
    expect(await rowsBuilt(times)).toEqual(built);
  });
});

test("through loopback all is answered under localhost and under addresses, of both families", async () => {
  const port = await start();
  expect((await status(`http://127.0.0.1:${port}/api/v1/peers`)).statusCode).toBe(200);
  expect((await status(`http://127.0.0.1:${port}/api/v1/peers`, { host: "localhost:8843" })).statusCode).toBe(200);
});

test.each([
  "evil.example",
  "evil.example:8843",
  "127.0.0.1.evil.example",
  "localhost.evil.example",
  "[evil]:1",
  "0x7f.1",
])("a Host header of %s through loopback is refused even for open paths", async (host) => {
  const { statusCode, text } = await status(`http://127.0.0.1:${await start()}/api/v1/pairs`, { host });
  expect(statusCode).toBe(403);
  expect(text).toContain("Host header");
});

test("what another site's page asks for in a browser is refused, following a link is not", async () => {
  const port = await start();
  expect(
    (
      await status(`http://127.0.0.1:${port}/api/v1/peers`, {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "cors",
      })
    ).statusCode,
  ).toBe(403);
  expect(
    (
      await status(`http://127.0.0.1:${port}/api/v1/peers`, {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
      })
    ).statusCode,
  ).toBe(200);
});

test.each(["localhost", "LOCALHOST:80", "page.localhost:80", "127.0.0.1:8843", "10.1.2.3", "[::1]:8843"])(
  "Host '%s' is one that no foreign page can send",
  (host) => {
    expect(isSafeHost(host)).toBe(true);
  },
);

test.each([undefined, "", "example.org", "127.0.0.1.nip.io", "[::1", "[example]"])("Host '%s' is not safe", (host) => {
  expect(isSafeHost(host)).toBe(false);
});
