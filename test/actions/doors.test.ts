// Every door to every action: who may not come in is told why before the request is looked at, and nothing runs.
import { networkInterfaces } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { actionOf, ACTIONS } from "../../agent/actions/actions.ts";
import { actionsMesh, ask, TOKEN, type ActionsMesh, type TestAgent } from "./actions-mesh.ts";

/** It is refused with 400 by whoever looks at it. */
const WRONG = { "no such option": 1 };
const PATHS = [...ACTIONS.map((name) => `/api/v1/actions/${name}`), "/api/v1/claims"];
const own = Object.values(networkInterfaces())
  .flat()
  .find((a) => a?.family === "IPv4" && !a.internal)?.address;

let mesh: ActionsMesh;
let agent: TestAgent;
beforeAll(async () => {
  const actions = Object.fromEntries(ACTIONS.map((name) => [name, actionOf(name)]));
  mesh = await actionsMesh({ nodes: 2, listen: () => [], actions });
  agent = mesh.agents[0]!;
});
afterAll(() => mesh[Symbol.asyncDispose]());

const CROSS_SITE = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", origin: "https://example.org" };
/** As the API server's proxy passes a request on. */
const PROXIED = { "x-forwarded-for": "127.0.0.1", "x-forwarded-uri": "/api/v1/namespaces/internode/pods/x/proxy" };

describe.each(PATHS)("POST %s", (path) => {
  const loopback = (asked: Parameters<typeof ask>[1]) => ask(`http://127.0.0.1:${agent.port}${path}`, asked);
  const outside = (asked: Parameters<typeof ask>[1]) => ask(`http://${own}:${agent.port}${path}`, asked);

  test.each([
    ["without a token", { token: null }, 401],
    ["with an empty token", { token: "" }, 401],
    ["with a wrong token", { token: `${TOKEN}s` }, 401],
    [
      "with the token where only others look for one",
      { token: null, headers: { authorization: `Bearer ${TOKEN}` } },
      401,
    ],
    ["with a foreign Host header", { headers: { host: "internode.example.org" } }, 403],
    ["from a page of another site", { headers: CROSS_SITE }, 403],
    ["as a form", { headers: { "content-type": "application/x-www-form-urlencoded" } }, 415],
  ])("by a port-forward %s is refused", async (_, asked, status) => {
    expect(await loopback({ body: WRONG, ...asked })).toMatchObject({ status });
  });

  test("by a port-forward with the token gets as far as the request", async () => {
    expect(await loopback({ body: WRONG })).toMatchObject({ status: 400 });
  });

  describe.skipIf(own === undefined)("(needs an IPv4 address besides loopback)", () => {
    test.each([
      ["another pod", {}],
      ["another pod that calls itself loopback", { headers: { host: "127.0.0.1", "x-forwarded-for": "127.0.0.1" } }],
      ["another pod that calls itself an agent", { headers: { "x-internode-forwarded": "node-2" } }],
      ["the API server's proxy", { headers: PROXIED }],
    ])("from %s is refused with the right token", async (_, asked) => {
      expect(await outside({ body: WRONG, ...asked })).toMatchObject({
        status: 403,
        error: expect.stringContaining("only for the agents"),
      });
    });

    test("from an agent of the mesh needs the token", async () => {
      agent.sources.agents.add(own!);
      const [without, wrong, right] = [
        await outside({ body: WRONG, token: null }),
        await outside({ body: WRONG, token: "a-guess-of-the-right-length" }),
        await outside({ body: WRONG }),
      ];
      agent.sources.agents.delete(own!);
      expect([without.status, wrong.status, right.status]).toEqual([401, 401, 400]);
    });
  });
});

test("of all that knocked nothing ran", () => {
  expect(agent.logged.filter(({ message }) => message !== "an action is refused")).toEqual([]);
});
