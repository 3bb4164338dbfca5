// Another node's view by its name: from its agent or its host view, with this agent's own token.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { request } from "undici";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startApi } from "../../agent/api/api.ts";
import { startHostView } from "../../agent/api/host-view.ts";
import { TokenFile } from "../../agent/base/token-file.ts";
import { nodeViewSchema } from "../../agent/model/node-view.ts";
import type { Node } from "../../agent/model/peer.ts";
import { sampleView } from "../support/sample-views.ts";
import { ScriptedAgent, SILENT_LOG } from "./api-mesh.ts";

const MESH = { nodes: 2, zones: 1 };
const [ONE, TWO]: [Node, Node] = [
  { name: "node-1", zone: "zone-a" },
  { name: "node-2", zone: "zone-a" },
];
let opened: AsyncDisposableStack;
let directory: string;
beforeEach(async () => {
  opened = new AsyncDisposableStack();
  directory = await mkdtemp(join(tmpdir(), "node-desk-"));
  opened.defer(() => rm(directory, { recursive: true }));
});
afterEach(() => opened.disposeAsync());

async function token(text: string): Promise<TokenFile> {
  const path = join(directory, text);
  await writeFile(path, text);
  return new TokenFile(path);
}

async function agent(node: Node, its: TokenFile | undefined) {
  const sources = new ScriptedAgent(MESH, node);
  const api = await startApi({ sources, port: 0, listen: ["127.0.0.1"], log: SILENT_LOG, token: its });
  opened.use(api);
  const url = `http://127.0.0.1:${api.port}`;
  return {
    sources,
    url,
    ask: async (query: string) => {
      const { statusCode, body } = await request(`${url}/api/v1/node${query}`);
      return { status: statusCode, json: (await body.json()) as Record<string, unknown> };
    },
  };
}

async function hostView(node: Node, its: TokenFile) {
  const view = () => Promise.resolve(sampleView(node));
  const server = await startHostView({ view, token: its, port: 0, listen: ["127.0.0.1"], log: SILENT_LOG });
  opened.use(server);
  return { node, url: `http://127.0.0.1:${server.port}`, serving: true };
}

const SAME = "the-token-of-this-mesh";

test("this node's is given by its name too", async () => {
  const one = await agent(ONE, undefined);
  const { status, json } = await one.ask("?of=node-1&namespace=widest");
  expect(status).toBe(200);
  expect(nodeViewSchema.parse(json).node.name).toBe("node-1");
});

test("another node's comes from its agent", async () => {
  const [one, two] = [await agent(ONE, await token(SAME)), await agent(TWO, await token(SAME))];
  one.sources.apis = [{ node: TWO, url: two.url, serving: true }];
  const { status, json } = await one.ask("?of=node-2");
  expect(status).toBe(200);
  expect(nodeViewSchema.parse(json).node.name).toBe("node-2");
});

test("the host's comes from the host view, this node's and another's, and widest means it where it is there", async () => {
  const one = await agent(ONE, await token(SAME));
  one.sources.apis = [{ node: TWO, url: "http://127.0.0.1:9", serving: true }];
  one.sources.hosts = [await hostView(ONE, await token(SAME)), await hostView(TWO, await token(SAME))];
  for (const query of ["?namespace=host", "?namespace=widest"])
    expect((await one.ask(query)).json).toMatchObject({ namespace: "host", node: ONE });
  expect((await one.ask("?of=node-2&namespace=widest")).json).toMatchObject({ namespace: "host", node: TWO });
});

test("a host view with another token refuses, and says so through the agent", async () => {
  const one = await agent(ONE, await token(SAME));
  one.sources.hosts = [await hostView(ONE, await token("a-token-of-another-mesh"))];
  expect(await one.ask("?namespace=host")).toEqual({
    status: 502,
    json: { error: "node-1 answered HTTP 403: this is not the token of this installation" },
  });
});

test("without a token, without host views, without such a node, the answer says what is missing", async () => {
  const one = await agent(ONE, undefined);
  one.sources.apis = [{ node: TWO, url: "http://127.0.0.1:9", serving: true }];
  expect((await one.ask("?of=node-2")).json["error"]).toMatch(
    /^this agent has no token to ask node-2 with: .*hostView\.enabled/,
  );
  expect((await one.ask("?namespace=host")).json["error"]).toContain("hostView.enabled=true");
  expect((await one.ask("?of=node-9")).json["error"]).toContain("there is no node 'node-9' in this mesh");
  expect((await one.ask("?namespace=all")).status).toBe(400);
  expect((await one.ask("?of=a&of=b")).status).toBe(400);
});

test("a node that does not answer is named with the reason", async () => {
  const one = await agent(ONE, await token(SAME));
  one.sources.apis = [{ node: TWO, url: "http://127.0.0.1:9", serving: true }];
  expect(await one.ask("?of=node-2")).toEqual({
    status: 502,
    json: { error: "node-2 cannot be asked at http://127.0.0.1:9: ECONNREFUSED" },
  });
});
