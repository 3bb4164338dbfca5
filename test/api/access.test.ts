// Who may read what. A request from "another pod" is one from an address of this machine that is not loopback.
import { networkInterfaces } from "node:os";
import { request } from "undici";
import { afterEach, describe, expect, test } from "vitest";
import { isSafeHost } from "../../agent/api/access.ts";
import { startApi } from "../../agent/api/api.ts";
import { SILENT_LOG, ScriptedAgent } from "./api-mesh.ts";

const MESH = { nodes: 2, zones: 1 };
const own = Object.values(networkInterfaces())
  .flat()
  .find((a) => a?.family === "IPv4" && !a.internal)?.address;
const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const api of opened.splice(0)) await api[Symbol.asyncDispose]();
});

async function start(allowFrom: string[] = []) {
  const api = await startApi({
    sources: new ScriptedAgent(MESH, { name: "node-1", zone: "zone-a" }),
    port: 0,
    listen: [],
    allowFrom,
    log: SILENT_LOG,
  });
  opened.push(api);
  return api.port;
}

async function status(url: string, headers: Record<string, string> = {}) {
  const { statusCode, body } = await request(url, { headers });
  return { statusCode, text: await body.text() };
}

describe.skipIf(own === undefined)("from another pod (needs an IPv4 address besides loopback)", () => {
  test.each(["/healthz", "/readyz", "/api/v1/identity", "/api/v1/pairs"])("%s is answered", async (path) => {
    expect((await status(`http://${own}:${await start()}${path}`)).statusCode).toBe(200);
  });

  test.each([
    "/",
    "/api/v1/mesh",
    "/api/v1/mesh/events",
    "/api/v1/pair?source=a&destination=b",
    "/api/v1/peers",
    "/api/v1/pairs/",
    "/API/v1/pairs",
  ])("%s is refused with the way in", async (path) => {
    const { statusCode, text } = await status(`http://${own}:${await start()}${path}`, {
      host: "localhost",
      "x-forwarded-for": "127.0.0.1",
    });
    expect(statusCode).toBe(403);
    expect(text).toContain("kubectl port-forward");
  });

  test("an address that allowFrom names may read everything", async () => {
    expect((await status(`http://${own}:${await start([`${own}/32`])}/api/v1/peers`)).statusCode).toBe(200);
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

test("an entry of allowFrom that is no address ends the start and is named", async () => {
  for (const wrong of ["10.0.0.0/33", "cluster.local", "10.0.0.0/8/8", "10.0.0.0/", ""])
    await expect(start([wrong])).rejects.toThrow(`'${wrong}'`);
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
