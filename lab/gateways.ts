// The ports on 127.0.0.1 at which a lab's agents are reached: page and API of node i at port + i − 1, metrics 1000 above.
import { request } from "node:http";
import { connect, type NetConnectOpts } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { AgentProcess } from "./agent-process.ts";
import { openGateway, type Gateway } from "./gateway.ts";
import { LabError } from "./machine.ts";

/** What gateways need of a lab, of either kind. */
export interface Reachable {
  readonly nodes: readonly { readonly name: string; readonly zone: string }[];
  agent(node: string): AgentProcess;
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

const METRICS_ABOVE = 1_000;
/** Where to look for free ports when nobody said which. */
const STEP = 1_000;
const TRIES = 8;

/** On `port`, or when it is undefined on the first free block from 8843 up. Throws LabError. */
export async function openGateways(lab: Reachable, port: number | undefined): Promise<Gateways> {
  if (port !== undefined) return openBlock(lab, port);
  for (let i = 0; ; i++) {
    try {
      return await openBlock(lab, 8_843 + i * STEP * 2);
    } catch (err) {
      if (!(err instanceof LabError) || i === TRIES - 1) throw err;
    }
  }
}

async function openBlock(lab: Reachable, first: number): Promise<Gateways> {
  const opened: Gateway[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(opened.map((gateway) => gateway[Symbol.asyncDispose]()));
  };
  try {
    for (const [i, { name }] of lab.nodes.entries()) {
      opened.push(
        await openOne(first + i, lab.target(name, "http")),
        await openOne(first + i + METRICS_ABOVE, lab.target(name, "metrics")),
      );
    }
  } catch (err) {
    await dispose();
    throw err;
  }
  const urls = lab.nodes.map(({ name }, i) => ({
    name,
    page: `http://127.0.0.1:${first + i}/`,
    metrics: `http://127.0.0.1:${first + i + METRICS_ABOVE}/metrics`,
  }));
  return { urls, [Symbol.asyncDispose]: dispose };
}

async function openOne(port: number, target: NetConnectOpts): Promise<Gateway> {
  return openGateway(port, target).catch((err: NodeJS.ErrnoException) => {
    const cure =
      err.code === "EADDRINUSE" ? "something listens there already; choose another with --port" : err.message;
    throw new LabError(`cannot listen on 127.0.0.1:${port}: ${cure}`);
  });
}

/** Resolves when an agent answers HTTP. Throws LabError when its process ends first, or after `deadlineMs`. */
export async function untilAnswering(
  lab: Reachable,
  node: string,
  { deadlineMs, signal }: { deadlineMs: number; signal: AbortSignal },
): Promise<void> {
  const until = performance.now() + deadlineMs;
  while (!(await answers(lab.target(node, "http")))) {
    if (lab.agent(node).pid === undefined) throw new LabError(`the agent of ${node} ended before it answered`);
    if (performance.now() > until)
      throw new LabError(`the agent of ${node} did not answer within ${deadlineMs / 1_000} s`);
    await sleep(50, undefined, { signal });
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
