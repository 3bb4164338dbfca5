import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import type { Reachable } from "../../lab/gateways.ts";
import { AT_ONCE, startAgents } from "../../lab/start-agents.ts";

/** Agents that are started and answer when they are told to. */
class SlowAgents implements Reachable {
  readonly nodes: readonly { readonly name: string; readonly zone: string }[];
  readonly started: string[] = [];
  readonly #servers = new Map<string, Server>();

  constructor(count: number) {
    this.nodes = Array.from({ length: count }, (_, i) => ({ name: `node-${i + 1}`, zone: "a" }));
  }

  agent(name: string) {
    return { pid: 1, start: () => Promise.resolve(void this.started.push(name)) };
  }

  target(name: string) {
    const server = this.#servers.get(name);
    // Nobody listens on port 1.
    return { host: "127.0.0.1", port: server ? (server.address() as AddressInfo).port : 1 };
  }

  async answer(name: string): Promise<void> {
    const server = createServer((_, response) => response.end()).listen(0, "127.0.0.1");
    await once(server, "listening");
    this.#servers.set(name, server);
  }

  close(): void {
    for (const server of this.#servers.values()) server.close();
  }
}

let agents: SlowAgents;
afterEach(() => agents.close());

test("no more agents are started at once than the machine has a use for, and one more for each that answers", async () => {
  agents = new SlowAgents(AT_ONCE + 2);
  const steps: string[] = [];
  const done = startAgents(agents, { onProgress: (step) => steps.push(step) });
  await vi.waitFor(() => expect(agents.started).toHaveLength(AT_ONCE));
  await agents.answer("node-1");
  await vi.waitFor(() => expect(agents.started).toHaveLength(AT_ONCE + 1));
  await agents.answer("node-2");
  await done;
  expect(agents.started).toEqual(agents.nodes.map(({ name }) => name));
  expect(steps).toEqual(["starting the agents", `${AT_ONCE} of ${AT_ONCE + 2} agents have been started`]);
});

test("an interrupt ends the wait for those that are starting", async () => {
  agents = new SlowAgents(AT_ONCE + 2);
  const stop = new AbortController();
  const done = startAgents(agents, { signal: stop.signal });
  await vi.waitFor(() => expect(agents.started).toHaveLength(AT_ONCE));
  stop.abort("SIGINT");
  await expect(done).rejects.toMatchObject({ name: "AbortError" });
  expect(agents.started).toHaveLength(AT_ONCE);
});
