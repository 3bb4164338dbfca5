import { request } from "undici";
import { afterEach, expect, test } from "vitest";
import type { ApiOptions } from "../../agent/api/api.ts";
import { parseSnapshot } from "../../agent/peers/schema.ts";
import { startAgent, type RunningAgent } from "./api-mesh.ts";

const MESH = { nodes: 3, zones: 1 };
const opened: RunningAgent[] = [];
afterEach(async () => {
  for (const { api } of opened.splice(0)) await api[Symbol.asyncDispose]();
});

async function start(options: Partial<ApiOptions> = {}): Promise<RunningAgent> {
  const running = await startAgent(MESH, { name: "node-1", zone: "zone-a" }, "127.0.0.1", {
    eventIntervalMs: 100,
    ...options,
  });
  opened.push(running);
  return running;
}

/** Reads events until `count` have come, then hangs up. */
async function read(
  url: string,
  count: number,
  headers: Record<string, string> = {},
): Promise<{ id: string; data: unknown }[]> {
  const response = await fetch(`${url}/api/v1/mesh/events`, { headers: { ...headers } });
  expect(response.headers.get("content-type")).toContain("text/event-stream");
  let text = "";
  const events: { id: string; data: unknown }[] = [];
  for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
    text += part;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      if (field("event") === "snapshot") events.push({ id: field("id")!, data: JSON.parse(field("data")!) });
    }
    if (events.length >= count) break;
  }
  return events;
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 20));
}

test.each([["gzip"], ["identity"]])(
  "a listener that takes %s gets whole snapshots again and again",
  async (encoding) => {
    const { url } = await start();
    const events = await read(url, 3, { "accept-encoding": encoding });
    expect(events.length).toBeGreaterThanOrEqual(3);
    for (const { data } of events) expect(parseSnapshot(data).by.name).toBe("node-1");
  },
);

test("with nobody listening nothing is gathered, and the next listener starts it again", async () => {
  const { url, agent } = await start();
  await read(url, 1);
  let before = -1;
  // The server learns of the hang-up a moment later; from then on the count stands still for longer than a snapshot is kept.
  await until(() => {
    const still = agent.rowsGiven === before;
    before = agent.rowsGiven;
    return still;
  });
  await new Promise((resolve) => setTimeout(resolve, 1_300));
  expect(agent.rowsGiven).toBe(before);
  await read(url, 1);
  expect(agent.rowsGiven).toBeGreaterThan(before);
});

test("one listener too many gets 503 with the reason, and a place once another has left", async () => {
  const { url } = await start({ maxEventClients: 2 });
  const first = await request(`${url}/api/v1/mesh/events`);
  const second = await request(`${url}/api/v1/mesh/events`);
  const third = await request(`${url}/api/v1/mesh/events`);
  expect(third.statusCode).toBe(503);
  expect(third.headers["retry-after"]).toBe("10");
  expect(await third.body.text()).toContain("2 listeners follow this agent's snapshots already");
  first.body.on("error", () => {}).destroy();
  let code = 503;
  while (code === 503) {
    const again = await request(`${url}/api/v1/mesh/events`);
    code = again.statusCode;
    again.body.on("error", () => {}).destroy();
  }
  expect(code).toBe(200);
  second.body.on("error", () => {}).destroy();
});
