// Every door of the host view: who gets in, and that nothing but what is promised comes out.
import { networkInterfaces } from "node:os";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { request } from "undici";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startHostView } from "../../agent/api/host-view.ts";
import { TokenFile } from "../../agent/base/token-file.ts";
import { nodeViewSchema, type NodeView } from "../../agent/model/node-view.ts";
import { sampleView } from "../support/sample-views.ts";
import { SILENT_LOG } from "./api-mesh.ts";

const TOKEN = "a-token-that-nobody-guesses";
const own = Object.values(networkInterfaces())
  .flat()
  .find((a) => a?.family === "IPv4" && !a.internal)?.address;

let directory: string;
let opened: AsyncDisposableStack;
let port: number;
let view: () => Promise<NodeView>;
beforeEach(async () => {
  opened = new AsyncDisposableStack();
  directory = await mkdtemp(join(tmpdir(), "host-view-"));
  opened.defer(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, "token"), `${TOKEN}\n`);
  view = () => Promise.resolve(sampleView({ name: "node-1", zone: "zone-a" }));
  const token = new TokenFile(join(directory, "token"));
  const server = await startHostView({ view: () => view(), token, port: 0, listen: [], log: SILENT_LOG });
  opened.use(server);
  ({ port } = server);
});
afterEach(() => opened.disposeAsync());

async function ask(path: string, headers: Record<string, string> = {}, { from = "127.0.0.1", method = "GET" } = {}) {
  const {
    statusCode,
    body,
    headers: got,
  } = await request(`http://${from}:${port}${path}`, { headers, method: method as "GET" });
  return { status: statusCode, text: await body.text(), headers: got };
}
const WITH_TOKEN = { "x-internode-token": TOKEN };

test("who has the token gets what the schema promises, and nothing else", async () => {
  const { status, text, headers } = await ask("/api/v1/node", WITH_TOKEN);
  expect(status).toBe(200);
  expect(headers["cache-control"]).toBe("no-store");
  const document: unknown = JSON.parse(text);
  expect(nodeViewSchema.strict().parse(document)).toEqual(document);
});

test("who takes gzip gets the same packed, in a quarter of the bytes or less, so that it passes where most packets are lost", async () => {
  const plain = await ask("/api/v1/node", WITH_TOKEN);
  const { body, headers } = await request(`http://127.0.0.1:${port}/api/v1/node`, {
    headers: { ...WITH_TOKEN, "accept-encoding": "gzip" },
  });
  const bytes = Buffer.from(await body.arrayBuffer());
  expect(headers).toMatchObject({ "content-encoding": "gzip", vary: "accept-encoding" });
  expect(gunzipSync(bytes).toString()).toBe(plain.text);
  expect(plain.headers["content-encoding"]).toBeUndefined();
  expect(bytes.length * 4).toBeLessThan(plain.text.length);
});

describe.each([["loopback", "127.0.0.1"], ...(own === undefined ? [] : [["another pod or agent", own]])])(
  "from %s",
  (_, from) => {
    test.each([
      ["no token", {}, 401],
      ["an empty token", { "x-internode-token": "" }, 401],
      ["a wrong token", { "x-internode-token": "another-word-altogether" }, 403],
      ["a beginning of the token", { "x-internode-token": TOKEN.slice(0, -1) }, 403],
      [
        "the token as Authorization, which the API server's proxy takes away",
        { authorization: `Bearer ${TOKEN}` },
        401,
      ],
      ["the token twice", { "x-internode-token": `${TOKEN}, ${TOKEN}` }, 403],
      ["what a proxy adds", { "x-forwarded-for": "127.0.0.1", "x-forwarded-host": "localhost" }, 401],
    ])("%s opens nothing", async (_, headers: Record<string, string>, expected) => {
      const { status, text } = await ask("/api/v1/node", headers, { from });
      expect(status).toBe(expected);
      expect(Object.keys(JSON.parse(text) as object)).toEqual(["error"]);
      expect(text).not.toContain(TOKEN);
    });

    test("the token opens it", async () => {
      expect((await ask("/api/v1/node", WITH_TOKEN, { from })).status).toBe(200);
    });

    test("a Host header that a rebinding page would send is refused, with the token too", async () => {
      for (const host of ["evil.example", "127.0.0.1.evil.example"])
        expect((await ask("/api/v1/node", { ...WITH_TOKEN, host }, { from })).status).toBe(403);
    });
  },
);

test.each([
  "/",
  "/page.js",
  "/metrics",
  "/readyz",
  "/api/v1/pairs",
  "/api/v1/mesh",
  "/api/v1/actions/ping",
  "/api/v1/node/",
  "//api/v1/node",
])("%s is not there, and without the token that is not told either", async (path) => {
  expect((await ask(path)).status).toBe(401);
  expect((await ask(path, WITH_TOKEN)).status).toBe(404);
});

test.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])("%s changes nothing", async (method) => {
  expect((await ask("/api/v1/node", WITH_TOKEN, { method })).status).toBe(405);
});

test("whether it is alive is told to anybody, and says nothing of the node", async () => {
  expect((await ask("/healthz")).text).toBe('{"status":"ok"}\n');
});

test("a query asks for nothing more", async () => {
  const plain = await ask("/api/v1/node", WITH_TOKEN);
  expect((await ask("/api/v1/node?of=node-2&namespace=pod", WITH_TOKEN)).text).toBe(plain.text);
});

test("with a token file that cannot be read nobody gets in", async () => {
  await writeFile(join(directory, "token"), "short");
  await new Promise((resolve) => setTimeout(resolve, 1_050));
  const { status, text } = await ask("/api/v1/node", WITH_TOKEN);
  expect(status).toBe(403);
  expect(text).toContain("cannot read its token");
});

test("a kernel that cannot be read is an error without its details", async () => {
  view = () => Promise.reject(new Error("secret path"));
  const { status, text } = await ask("/api/v1/node", WITH_TOKEN);
  expect(status).toBe(500);
  expect(text).not.toContain("secret path");
});
