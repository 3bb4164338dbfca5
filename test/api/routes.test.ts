// Every path with every method that HTTP knows: all are answered, none takes a place or a second it should not.
import { METHODS, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import { ROUTES } from "../../agent/api/routes.ts";
import { PAGE_PATHS } from "../../agent/page/assets.ts";
import { startAgent, type RunningAgent } from "./api-mesh.ts";

const MESH = { nodes: 3, zones: 1 };
const QUERIES: Readonly<Record<string, string>> = { "/api/v1/pair": "?source=node-1&destination=node-2" };
const PATHS = [...ROUTES.map(({ path }) => path), ...PAGE_PATHS, "/nothing/here"];
const READS = new Set(["GET", "HEAD"]);
const STREAM = "/api/v1/mesh/events";

const opened: RunningAgent[] = [];
afterEach(async () => {
  for (const { api } of opened.splice(0)) await api[Symbol.asyncDispose]();
});

async function start(): Promise<RunningAgent> {
  const running = await startAgent(MESH, { name: "node-1", zone: "zone-a" }, "127.0.0.1", { maxEventClients: 1 });
  opened.push(running);
  return running;
}

interface Answer {
  readonly status: number;
  readonly allow: string | undefined;
  readonly type: string | undefined;
  readonly body: string;
}

/** The whole answer; of a stream, its head. */
function ask(url: string, method: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(url, { method, agent: false }, (response) => {
      const { statusCode: status = 0, headers } = response;
      const answer = (body: string) => resolve({ status, allow: headers.allow, type: headers["content-type"], body });
      if (method === "GET" && headers["content-type"]?.startsWith("text/event-stream")) {
        answer("");
        asked.destroy();
        return;
      }
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (body += part)).on("end", () => answer(body));
    });
    asked.on("error", reject).end();
  });
}

test.each(PATHS)("%s: HEAD is answered like GET without a body, and every other method with 405", async (path) => {
  const { url } = await start();
  const target = `${url}${path}${QUERIES[path] ?? ""}`;
  for (const method of METHODS.filter((name) => name !== "CONNECT" && !READS.has(name))) {
    const answer = await ask(target, method);
    expect({ method, status: answer.status, allow: answer.allow }).toEqual({ method, status: 405, allow: "GET, HEAD" });
  }
  const head = await ask(target, "HEAD");
  const get = await ask(target, "GET");
  expect({ status: head.status, type: head.type, body: head.body }).toEqual({
    status: get.status,
    type: get.type,
    body: "",
  });
});

test("HEAD of the stream of snapshots takes no listener's place", async () => {
  const { url } = await start();
  for (let i = 0; i < 5; i++) expect((await ask(`${url}${STREAM}`, "HEAD")).status).toBe(200);
  expect((await ask(`${url}${STREAM}`, "GET")).status).toBe(200);
});

test("a request for a tunnel is not served, and harms nothing", async () => {
  const { url } = await start();
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.end("CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n");
  let said = "";
  for await (const part of socket.setEncoding("utf8")) said += String(part);
  expect(said).not.toContain("200");
  expect((await ask(`${url}/healthz`, "GET")).status).toBe(200);
});
