// The commands that show nodes, asked of an agent that gives sample views: what sets a node apart is first, and all that
// nodes have alike is shown only when it is asked for.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { COMMANDS } from "../../agent/cli/commands.ts";
import { runCommand } from "../../agent/cli/run.ts";
import { sampleViews, type SampleView } from "../support/sample-views.ts";

let server: Server;
let views: SampleView[];
/** Instead of a view. */
let refusals: Record<string, string>;
let asked: string[];
let out: string;
let err: string;

beforeEach(async () => {
  [out, err, asked, refusals] = ["", "", [], {}];
  views = sampleViews(5);
  vi.spyOn(console, "log").mockImplementation((text: string) => void (out += `${text}\n`));
  vi.spyOn(console, "error").mockImplementation((text: string) => void (err += `${text}\n`));
  server = createServer(({ url }, response) => {
    asked.push(url!);
    const { pathname, searchParams } = new URL(url!, "http://127.0.0.1");
    if (pathname === "/api/v1/peers") {
      const [first, ...rest] = views.map(({ node }) => node);
      return void response.end(JSON.stringify({ node: first, peers: rest.map((node) => ({ node })) }));
    }
    const of = searchParams.get("of")!;
    if (refusals[of]) return void response.writeHead(502).end(JSON.stringify({ error: refusals[of] }));
    response.end(JSON.stringify(views.find(({ node }) => node.name === of)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await new Promise((resolve) => server.close(resolve));
});

// eslint-disable-next-line no-control-regex
const plain = (text: string): string => text.replaceAll(/\u001b\[\d+m/g, "");
async function run(...words: string[]): Promise<{ code: number; out: string }> {
  out = "";
  const code = await runCommand(COMMANDS, [
    ...words,
    "--url",
    `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  ]);
  return { code, out: plain(out) };
}
const json = async (...words: string[]) =>
  JSON.parse((await run(...words, "-o", "json")).out) as {
    readonly nodes: readonly { readonly node: string }[];
    readonly differences: readonly object[];
  };

const ALL = ["routes", "interfaces", "neighbours", "counters", "sockets"];
const quick = (command: string): string[] => (command === "counters" ? [command, "--interval", "0"] : [command]);

describe.each(ALL)("internode %s", (command) => {
  test("of nodes that are alike says so, with a line for each, and exits with 0", async () => {
    const { code, out } = await run(...quick(command));
    expect(code).toBe(0);
    expect(out.split("\n")[0]).toMatch(/^No node stands out by its .*: 5 nodes compared\.$/);
    expect(out).not.toContain("What sets nodes apart");
    for (let n = 1; n <= 5; n++) expect(out).toMatch(new RegExp(`^node-${n} `, "m"));
    expect(out.split("\n").length).toBeLessThan(16);
  });

  test("prints every line with --all, and everything as JSON", async () => {
    const short = (await run(...quick(command))).out;
    const { out } = await run(...quick(command), "--all");
    expect(out.length).toBeGreaterThan(short.length);
    const data = await json(...quick(command));
    expect(data).toMatchObject({
      schemaVersion: 1,
      report: command,
      isFault: false,
      namespace: "host",
      differences: [],
      unseen: [],
    });
    expect(data.nodes.map(({ node }) => node)).toEqual(views.map(({ node }) => node.name));
  });

  test("shows one node that is named, and of one that is not there says which there are", async () => {
    const { out } = await run(...quick(command), "node-2");
    expect(out).toMatch(/^Nothing is wrong with the .* of node-2\.$/m);
    expect(asked.filter((url) => url.includes("of=")).every((url) => url.includes("of=node-2&"))).toBe(true);
    expect((await run(...quick(command), "node-9")).code).toBe(2);
    expect(err).toContain(
      "there is no node 'node-9' in the mesh; its nodes are node-1, node-2, node-3, node-4, node-5",
    );
  });

  test("names a node that cannot be seen, with the reason, and compares the others", async () => {
    refusals["node-3"] = "its host view does not answer within 3 s";
    const { code, out } = await run(...quick(command));
    expect(out.split("\n")[0]).toContain("4 nodes compared; 1 node could not be seen.");
    expect(out).toContain("? node-3: its host view does not answer within 3 s");
    expect(code).toBe(0);
  });

  test("exits with 1 where no node can be seen", async () => {
    for (const { node } of views) refusals[node.name] = "no";
    const { code, out } = await run(...quick(command));
    expect(code).toBe(1);
    expect(out).toMatch(/^The .* of no node could be seen\./);
  });
});

test("a fault is the headline, and the exit code", async () => {
  views[0]!.routes.items = views[0]!.routes.items.filter(({ destination }) => destination !== "10.244.3.0/24");
  const { code, out } = await run("routes");
  expect(code).toBe(1);
  expect(out.split("\n")[0]).toBe(
    "node-1 has no route to 10.244.3.0/24 of node-3 (every other node has one, by 10.244.3.0).",
  );
  expect((await run("interfaces")).code).toBe(0);
  expect((await json("routes")).differences).toMatchObject([
    { kind: "route-missing", node: "node-1", towards: "node-3" },
  ]);
});

test("many faults of one node are a few and a number", async () => {
  views = sampleViews(30);
  views[0]!.routes.items = views[0]!.routes.items.filter(({ hops }) => hops[0]!.device !== "flannel.1");
  const { out } = await run("routes");
  expect(out.split("\n")[0]).toBe("29 faults in the routes of node-1.");
  expect(out.match(/has no route to/g)).toHaveLength(3);
  expect(out).toContain("✘ and 26 more like it on node-1 (--all lists them)");
  expect((await run("routes", "--all")).out.match(/has no route to/g)).toHaveLength(29);
});

test("what an agent without rights cannot see is said with its reason", async () => {
  for (const view of views)
    (view as unknown as { conntrack: unknown }).conntrack = {
      visible: false,
      reason: "/proc/x: this kernel has no such file",
    };
  const { out } = await run("counters", "--interval", "0");
  expect(out).toContain(
    "? node-1, node-2, node-3 and 2 more: connection tracking: /proc/x: this kernel has no such file",
  );
});

test("counters are read twice, and what they gained meanwhile is told", async () => {
  let readings = 0;
  server.on("request", ({ url }: { url: string }) => {
    if (!url.includes("of=node-1&")) return;
    if (++readings < 2) return;
    Object.assign(views[0]!.interfaces.items[1]!.counters, { receiveDropped: 40 });
    Object.assign(views[0]!, { at: "2026-11-27T09:00:01.000Z" });
  });
  // The server's own listener is first: what is changed here is in the third reading.
  await run("counters", "--interval", "0");
  const { code, out } = await run("counters", "--interval", "0.01");
  expect(code).toBe(1);
  expect(out).toContain("eth0 of node-1 dropped 40 of 40 packets that were received in 1 s");
});

test("without a host view it is said whose network this is, and how to see the nodes' own", async () => {
  for (const view of views) Object.assign(view, { namespace: "pod" });
  const { out } = await run("routes");
  expect(out).toContain("Nodes, the agent's pod's network");
  expect(out).toContain("hostView.enabled=true");
});

test("where some have a host view, those without are named and not compared", async () => {
  Object.assign(views[4]!, { namespace: "pod" });
  const { out } = await run("routes");
  expect(out.split("\n")[0]).toContain("4 nodes compared; 1 node could not be seen.");
  expect(out).toContain("? node-5: its agent has no host view, as the others have");
});

test("an answer that is no view is named, and never shown", async () => {
  (views[1] as unknown as { routes: unknown }).routes = {
    visible: true,
    items: [{ destination: "anywhere" }],
    leftOut: 0,
  };
  (views[2]!.node as { name: string }).name = "node-3";
  const { out } = await run("routes");
  expect(out).toMatch(/\? node-2: its answer is no view of a node: routes\./);
});

test.each(["x", "-1", "1e3", "9999"])("an interval of %s is bad usage", async (interval) => {
  expect((await run("counters", `--interval=${interval}`)).code).toBe(2);
  expect(err).toContain("--interval takes seconds from 0 to 3600");
});

test("an agent of an older release is told as such", async () => {
  server.removeAllListeners("request");
  server.on(
    "request",
    (
      { url }: { url: string },
      response: { writeHead(n: number): { end(text: string): void }; end(text: string): void },
    ) => {
      if (url.startsWith("/api/v1/peers")) response.end(JSON.stringify({ node: { name: "node-1" }, peers: [] }));
      else
        response
          .writeHead(404)
          .end(JSON.stringify({ error: "there is no /api/v1/node here: the page is /, the API is under /api/v1" }));
    },
  );
  const { out, code } = await run("routes");
  expect(code).toBe(1);
  expect(out).toContain("its agent is of an older release and tells nothing of its node: finish the upgrade");
});
