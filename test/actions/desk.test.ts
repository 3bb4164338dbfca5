// Actions over HTTP: who may start one, what is refused with which words, caps of an agent and of the mesh, the log.
import { writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { request } from "undici";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Action } from "../../agent/actions/action.ts";
import { keepersOf } from "../../agent/actions/claims.ts";
import { actionsMesh, ask, counting, TOKEN, type ActionsMesh } from "./actions-mesh.ts";

let mesh: ActionsMesh;
beforeEach(async () => {
  mesh = await actionsMesh();
});
afterEach(() => mesh[Symbol.asyncDispose]());

const at = (i: number, name = "counting", query = "") => `${mesh.agents[i]!.url}/api/v1/actions/${name}${query}`;
const body = { to: "node-2", n: 3 };

describe("an action", () => {
  test("tells that it has begun, what happens and what came of it, one line each", async () => {
    const { status, lines } = await ask(at(0), { body });
    expect(status).toBe(200);
    expect(lines).toEqual([
      { kind: "started", schemaVersion: 1, action: "counting", node: "node-1" },
      { kind: "progress", i: 0 },
      { kind: "progress", i: 1 },
      { kind: "progress", i: 2 },
      { kind: "result", to: "node-2", self: "node-1", left: false },
    ]);
  });

  test("is logged with who asked, for what, against whom and how long it took", async () => {
    await ask(at(0), { body, headers: { "x-internode-caller": "ana" } });
    const who = { action: "counting", from: "127.0.0.1", caller: "ana", targets: ["node-2"] };
    await vi.waitFor(() =>
      expect(mesh.agents[0]!.logged).toEqual([
        expect.objectContaining({ ...who, request: body, message: "an action begins: counts" }),
        expect.objectContaining({ ...who, how: "done", seconds: expect.any(Number), message: "an action ended" }),
      ]),
    );
  });

  test("for another node's agent is passed on to it, and no further", async () => {
    const { lines } = await ask(at(0, "counting", "?node=node-3"), { body });
    expect(lines.at(0)).toMatchObject({ node: "node-3" });
    expect(lines.at(-1)).toMatchObject({ kind: "result", self: "node-3" });
    expect(mesh.agents[2]!.logged[0]).toMatchObject({ forwardedBy: "node-1" });
    const again = await ask(at(0, "counting", "?node=node-3"), {
      body,
      headers: { "x-internode-forwarded": "node-2" },
    });
    expect(again).toMatchObject({ status: 404, error: expect.stringContaining("not of node-3") });
  });

  test("passes on what the other agent refuses, in its words", async () => {
    const { status, error } = await ask(at(0, "counting", "?node=node-3"), { body: { to: "node-3", n: 1 } });
    expect(status).toBe(404);
    expect(error).toBe("the agent of node-3: node-3 is the node that would send: name another one");
  });

  test("ends when whoever asked has gone", async () => {
    const left = new AbortController();
    const response = await request(at(0), {
      method: "POST",
      headers: { "content-type": "application/json", "x-internode-token": TOKEN },
      body: JSON.stringify({ to: "node-2", n: 1_000 }),
      signal: left.signal,
    });
    for await (const _ of response.body) break;
    left.abort();
    await vi.waitFor(() =>
      expect(mesh.agents[0]!.logged.at(-1)).toMatchObject({ message: "an action ended", how: "left" }),
    );
  });
});

test("a run that takes too long is ended with what it has, and says so", async () => {
  const short = { ...counting, caps: { atOnce: 1, seconds: 0.05 } } as unknown as Action;
  await using capped = await actionsMesh({ actions: { short } });
  const { lines } = await ask(`${capped.agents[0]!.url}/api/v1/actions/short`, { body: { to: "node-2", n: 1_000 } });
  expect(lines.at(-1)).toMatchObject({ kind: "result", note: expect.stringContaining("ended after 0.05 s") });
});

describe("is refused with the cure, and logged,", () => {
  test.each([
    ["without a token", { token: null }, 401, "--token-file"],
    ["with a wrong token", { token: "a-wrong-token-of-theirs" }, 401, "from the Secret"],
    ["with a request that is wrong", { body: { to: "node-2", n: -1 } }, 400, "'n'"],
    ["with an option that there is not", { body: { ...body, flood: true } }, 400, "flood"],
    ["against a node that is no member", { body: { to: "example.org", n: 1 } }, 404, "there is no node 'example.org'"],
    ["against the node itself", { body: { to: "node-1", n: 1 } }, 404, "name another one"],
  ])("%s", async (_, asked, status, words) => {
    const answer = await ask(at(0), { body, ...asked });
    expect(answer).toMatchObject({ status, error: expect.stringContaining(words) });
    expect(mesh.agents[0]!.logged).toEqual([expect.objectContaining({ level: "warn", status, from: "127.0.0.1" })]);
  });

  test("an action that there is not; only with the token it is told which there are", async () => {
    expect(await ask(at(0, "format"))).toMatchObject({ status: 404, error: expect.stringContaining("connect") });
    expect((await ask(at(0, "format"), { token: null })).status).toBe(401);
  });

  test("when it is switched off, whatever the token", async () => {
    await using off = await actionsMesh({ enabled: false });
    const answer = await ask(`${off.agents[0]!.url}/api/v1/actions/counting`, { body });
    expect(answer).toMatchObject({ status: 403, error: expect.stringContaining("config.actions.enabled") });
  });

  test("when the agent's own token cannot be read", async () => {
    await writeFile(mesh.tokenFile, "");
    expect(await ask(at(0), { body })).toMatchObject({ status: 503, error: expect.stringContaining("16 or more") });
  });

  test("and a thousand guesses do not fill the log", async () => {
    for (let i = 0; i < 60; i++) await ask(at(0), { body, token: `guess-${i}-of-the-token` });
    expect(mesh.agents[0]!.logged.length).toBeLessThan(40);
  });
});

test.each([
  ["GET", 405],
  ["PUT", 405],
  ["DELETE", 405],
] as const)("%s is no way to ask for an action", async (method, status) => {
  const response = await request(at(0), { method, headers: { "x-internode-token": TOKEN } });
  expect(response.statusCode).toBe(status);
  expect(response.headers["allow"]).toBe("POST");
  await response.body.dump();
});

test.each([
  ["no JSON", "{", 400],
  ["too large", `"${"x".repeat(17_000)}"`, 413],
] as const)("a body that is %s is refused", async (_, text, status) => {
  expect((await ask(at(0), { body: text })).status).toBe(status);
});

test("a form of a web page, which needs no leave of ours to be sent, is refused", async () => {
  const answer = await ask(at(0), { body, headers: { "content-type": "text/plain" } });
  expect(answer.status).toBe(415);
});

/** Begins an action that lasts, and hands out how to end it. */
async function begin(i: number, name = "counting") {
  const response = await request(at(i, name), {
    method: "POST",
    headers: { "content-type": "application/json", "x-internode-token": TOKEN },
    body: JSON.stringify({ to: i === 1 ? "node-1" : "node-2", n: 1_000 }),
  });
  if (response.statusCode !== 200) return { status: response.statusCode, error: await response.body.text() };
  const lines = response.body[Symbol.asyncIterator]();
  await lines.next();
  return { status: 200, end: async () => void response.body.destroy() };
}

describe("the caps", () => {
  test("of one agent let so many runs in at once, and the next when one has ended", async () => {
    const [first, second] = [await begin(0), await begin(0)];
    expect(await ask(at(0), { body })).toMatchObject({ status: 429, error: expect.stringContaining("its limit") });
    await first.end!();
    await vi.waitFor(async () => expect((await ask(at(0), { body })).status).toBe(200));
    await second.end!();
  });

  test("of the mesh let one run in where one is the limit, whichever agent is asked", async () => {
    const first = await begin(0, "alone");
    expect(first.status).toBe(200);
    const second = await begin(1, "alone");
    expect(second).toMatchObject({ status: 409, error: expect.stringContaining("started at node-1") });
    expect((await begin(2, "counting")).status).toBe(200);
    await first.end!();
    await vi.waitFor(async () => expect((await ask(at(2, "alone"), { body })).status).toBe(200));
  });

  test("let one run in where one is the limit, also when all that keep count have been started anew meanwhile", async () => {
    await using many = await actionsMesh({ nodes: 7 });
    const keepers = new Set(keepersOf(many.agents.map(({ name }) => ({ name, zone: "" }))).map(({ name }) => name));
    const [holder, other] = many.agents.filter(({ name }) => !keepers.has(name));
    const asked = (url: string) =>
      request(`${url}/api/v1/actions/alone`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-internode-token": TOKEN },
        body: JSON.stringify({ to: [...keepers][0], n: 10_000 }),
      });
    const first = await asked(holder!.url);
    expect(first.statusCode).toBe(200);
    for (const keeper of many.agents.filter(({ name }) => keepers.has(name))) await keeper.restart();
    const second = await asked(other!.url);
    expect([second.statusCode, await second.body.text()]).toEqual([
      409,
      expect.stringContaining(`started at ${holder!.name}`),
    ]);
    first.body.on("error", () => {}).destroy();
  });

  test("never let two in at the same time, however many ask at once", async () => {
    const all = await Promise.all([0, 1, 2, 0, 1, 2].map((i) => begin(i, "alone")));
    expect(all.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    for (const one of all) await one.end?.();
  });

  test("let none in that must be alone where most agents cannot be asked", async () => {
    await using lonely = await actionsMesh();
    const [first] = lonely.agents;
    first!.sources.apis = [];
    const answer = await ask(`${first!.url}/api/v1/actions/alone`, { body });
    expect(answer).toMatchObject({ status: 503, error: expect.stringContaining("1 of 3") });
    expect((await ask(`${first!.url}/api/v1/actions/counting`, { body })).status).toBe(200);
  });
});

const own = Object.values(networkInterfaces())
  .flat()
  .find((a) => a?.family === "IPv4" && !a.internal)?.address;

describe("the doors, with the right token:", () => {
  test("a Host header that a web page could bring by rebinding DNS is refused on loopback", async () => {
    const answer = await ask(at(0), { body, headers: { host: "internode.example.org" } });
    expect(answer).toMatchObject({ status: 403, error: expect.stringContaining("Host header") });
  });

  test("a page of another site is refused in the browser of whoever has a port-forward open", async () => {
    const headers = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", origin: "https://example.org" };
    expect((await ask(at(0), { body, headers })).status).toBe(403);
  });

  test.skipIf(own === undefined)(
    "another pod is refused, and an agent that discovery lists is not (needs an IPv4 address besides loopback)",
    async () => {
      await using open = await actionsMesh({ listen: () => [] });
      const { port, sources, logged } = open.agents[0]!;
      const url = `http://${own}:${port}/api/v1/actions/counting`;
      const stranger = await ask(url, { body, headers: { "x-forwarded-for": "127.0.0.1" } });
      expect(stranger).toMatchObject({ status: 403, error: expect.stringContaining("only for the agents") });
      expect(logged).toEqual([]);
      sources.agents.add(own!);
      expect((await ask(url, { body, token: null })).status).toBe(401);
      expect((await ask(url, { body })).status).toBe(200);
    },
  );

  test("a claim is taken from who has the token alone, and only a whole one", async () => {
    const url = `${mesh.agents[0]!.url}/api/v1/claims`;
    const claim = { action: "alone", run: "0".repeat(16), holder: "node-9", limit: 1, seconds: 5 };
    expect((await ask(url, { body: claim, token: null })).status).toBe(401);
    expect((await ask(url, { body: { ...claim, seconds: 1e9 } })).status).toBe(400);
    expect((await ask(url, { body: claim })).lines).toEqual([{ vote: "yes" }]);
  });
});
