// A mesh of real API servers on 127.0.0.x whose desks have actions of the test's own.
import * as z from "zod";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { action, type Action } from "../../agent/actions/action.ts";
import { ClaimBook } from "../../agent/actions/claims.ts";
import { ActionDesk } from "../../agent/actions/desk.ts";
import { TokenFile } from "../../agent/base/token-file.ts";
import { configSchema } from "../../agent/config/schema.ts";
import type { OpenedEngine } from "../../agent/measuring/engine.ts";
import { ScriptedAgent, SILENT_LOG } from "../api/api-mesh.ts";
import { startApi } from "../../agent/api/api.ts";
import { sampleNodes } from "../support/sample-mesh.ts";

export const TOKEN = "a-token-for-the-tests";
const NO_ENGINE = {} as OpenedEngine;

/** Counts up, then says what it was told; ends early when its signal fires. */
export const counting = action<{ readonly to: string; readonly n: number }, object, object>({
  does: "counts",
  request: z.strictObject({ to: z.string(), n: z.int().min(0).max(10_000) }),
  caps: { atOnce: 2, inMesh: 100, seconds: 60 },
  targets: ({ to }) => [to],
  async *run({ to, n }, { signal, self }) {
    for (let i = 0; i < n && !signal.aborted; i++) {
      yield { i };
      await sleep(5);
    }
    return { to, self: self.name, left: signal.aborted };
  },
});

export const alone = { ...counting, caps: { ...counting.caps, inMesh: 1, mustBeGranted: true } } as Action;

export interface TestAgent {
  readonly name: string;
  readonly url: string;
  readonly logged: { readonly level: "info" | "warn"; readonly message: string; readonly [key: string]: unknown }[];
  readonly sources: ScriptedAgent;
  readonly port: number;
  /** All that it remembered is gone. */
  restart(): Promise<void>;
}

export interface ActionsMesh extends AsyncDisposable {
  readonly agents: readonly TestAgent[];
  readonly tokenFile: string;
}

export async function actionsMesh({
  nodes = 3,
  enabled = true,
  listen = (i: number) => [`127.0.0.${i + 1}`],
  actions = { counting: counting as unknown as Action, alone },
}: {
  readonly nodes?: number;
  readonly enabled?: boolean;
  readonly listen?: (i: number) => string[];
  readonly actions?: Readonly<Record<string, Action>>;
} = {}): Promise<ActionsMesh> {
  const directory = await mkdtemp(join(tmpdir(), "internode-actions-"));
  const tokenFile = join(directory, "token");
  await writeFile(tokenFile, `${TOKEN}\n`);
  const stack = new AsyncDisposableStack();
  stack.defer(() => rm(directory, { recursive: true }));
  const shape = { nodes, zones: 1 };
  const agents: TestAgent[] = [];
  for (const [i, node] of sampleNodes(shape).entries()) {
    const sources = new ScriptedAgent(shape, node);
    const logged: TestAgent["logged"] = [];
    const log = {
      info: (details: object, message: string) => void logged.push({ ...details, level: "info", message }),
      warn: (details: object, message: string) => void logged.push({ ...details, level: "warn", message }),
    };
    const config = configSchema.parse({
      node: { name: node.name },
      discovery: { kind: "static", file: "mesh.json" },
      actions: { enabled },
      tokenFile,
    });
    const token = new TokenFile(tokenFile);
    const find = (name: string) => actions[name];
    const open = async (claims: ClaimBook, at: number) => {
      const own = new AsyncDisposableStack();
      const options = { config, engine: NO_ENGINE, key: undefined, token, mesh: sources, log, find, claims };
      const desk = own.use(new ActionDesk(options));
      const api = own.use(await startApi({ sources, port: at, listen: listen(i), log: SILENT_LOG, actions: desk }));
      return { port: api.port, close: () => own.disposeAsync() };
    };
    let agent = await open(new ClaimBook({ isNew: false }), 0);
    const { port } = agent;
    stack.defer(() => agent.close());
    const restart = async () => {
      await agent.close();
      agent = await open(new ClaimBook(), port);
    };
    agents.push({ name: node.name, url: `http://127.0.0.${i + 1}:${port}`, logged, sources, port, restart });
  }
  // Each calls the others from 127.0.0.1, which is loopback: known agents by address are a matter of access.test.ts.
  for (const { sources } of agents)
    sources.apis = agents.map(({ name, url }) => ({ node: { name, zone: "" }, url, serving: true }));
  return { agents, tokenFile, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

export interface Said {
  readonly status: number;
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  readonly error: string | undefined;
}

export async function ask(
  url: string,
  { body = {}, token = TOKEN, headers = {} }: { body?: unknown; token?: string | null; headers?: object } = {},
): Promise<Said> {
  const response = await request(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(token === null ? {} : { "x-internode-token": token }),
      ...(headers as Record<string, string>),
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.body.text();
  const lines = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return {
    status: response.statusCode,
    lines,
    error: response.statusCode === 200 ? undefined : String(lines[0]?.["error"]),
  };
}
