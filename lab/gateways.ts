// The ports on 127.0.0.1 at which a lab's agents are reached: page and API of node i at port + i − 1, metrics 1000 above.
import { request } from "node:http";
import { connect, type NetConnectOpts } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { AgentProcess } from "./agent-process.ts";
import { openGateway } from "./gateway.ts";
import { LabError } from "./machine.ts";
import { METRICS_ABOVE, type Ports } from "./ports.ts";

/** What gateways need of a lab, of either kind. */
export interface Reachable {
  readonly nodes: readonly { readonly name: string; readonly zone: string }[];
  agent(node: string): Pick<AgentProcess, "pid" | "start">;
  target(node: string, port: "http" | "metrics"): NetConnectOpts;
}

export interface NodeUrls {
  readonly name: string;
  readonly page: string;
  readonly metrics: string;
}

export interface Gateways extends AsyncDisposable {
  readonly urls: readonly NodeUrls[];
}

/** `ports` has those of every node of the lab, and they are closed with the gateways. */
export function openGateways(lab: Reachable, { first, nodes }: Ports): Gateways {
  const opened = lab.nodes.flatMap(({ name }, i) => [
    openGateway(nodes[i]!.page, lab.target(name, "http")),
    openGateway(nodes[i]!.metrics, lab.target(name, "metrics")),
  ]);
  return {
    urls: lab.nodes.map(({ name }, i) => ({
      name,
      page: `http://127.0.0.1:${first + i}/`,
      metrics: `http://127.0.0.1:${first + i + METRICS_ABOVE}/metrics`,
    })),
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((gateway) => gateway[Symbol.asyncDispose]()));
    },
  };
}

/** On a busy machine; one that cannot start ends by itself, and sooner. */
const ANSWER_LIMIT_MS = 300_000;

/** Resolves when an agent answers HTTP. Throws LabError when its process ends first, or when it takes too long. */
export async function untilAnswering(
  lab: Reachable,
  node: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const until = performance.now() + ANSWER_LIMIT_MS;
  while (!(await answers(lab.target(node, "http")))) {
    if (lab.agent(node).pid === undefined) throw new LabError(`the agent of ${node} ended before it answered`);
    if (performance.now() > until)
      throw new LabError(`the agent of ${node} did not answer within ${ANSWER_LIMIT_MS / 1_000} s`);
    await sleep(50, undefined, signal ? { signal } : {});
  }
}

function answers(target: NetConnectOpts): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const ask = request(
    {
      path: "/healthz",
      host: "127.0.0.1",
      createConnection: () => connect(target),
      signal: AbortSignal.timeout(2_000),
    },
    (response) => {
      response.resume();
      resolve(true);
    },
  );
  ask.on("error", () => resolve(false)).on("close", () => resolve(false));
  ask.end();
  return promise;
}
