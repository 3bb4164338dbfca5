// Where actions are asked for: who may, whether it may run now, and the log of what ran. Knows nothing of HTTP.
import { randomBytes } from "node:crypto";
import { listed } from "../base/format.ts";
import type { TokenFile } from "../base/token-file.ts";
import { TokenBucket } from "../base/token-bucket.ts";
import type { Config } from "../config/schema.ts";
import type { OpenedEngine } from "../measuring/engine.ts";
import type { Node } from "../model/peer.ts";
import type { PeerStatus } from "../model/unprobed.ts";
import type { PeerApi } from "../peers/peer-api.ts";
import { ActionError, type Action, type ActionContext } from "./action.ts";
import { actionOf, ACTIONS, isAction } from "./actions.ts";
import { AgentAsker, RefusedByAgent } from "./ask-agent.ts";
import { ClaimBook, claimSchema, keepersOf, whyNotGranted, type Claim, type Granted, type Votes } from "./claims.ts";
import { LINES_SCHEMA_VERSION, type Line } from "./lines.ts";

export interface DeskOptions {
  readonly config: Config;
  readonly engine: OpenedEngine;
  readonly key: Uint8Array | undefined;
  /** Undefined: no token file is configured. */
  readonly token: TokenFile | undefined;
  readonly mesh: {
    readonly node: Node;
    peers(): readonly PeerStatus[];
    peerApis(): readonly PeerApi[];
  };
  readonly log: { info(details: object, message: string): void; warn(details: object, message: string): void };
  /** In place of the table: for tests. */
  readonly find?: (name: string) => Action | undefined;
}

export interface Asked {
  readonly name: string;
  /** Where it is to run; this agent unless said. */
  readonly node: string | undefined;
  readonly request: unknown;
  readonly token: string | undefined;
  /** The address that it came from. */
  readonly from: string;
  /** Who says to have asked. */
  readonly caller: string | undefined;
  /** The agent that passed it on. */
  readonly forwardedBy: string | undefined;
  /** Fires when whoever asked is gone. */
  readonly signal: AbortSignal;
}

export interface Refusal {
  readonly status: 400 | 401 | 403 | 404 | 409 | 429 | 502 | 503;
  readonly error: string;
}

export type Answer = { readonly lines: AsyncGenerator<Line> } | Refusal;

/** How long a keeper may take. */
const CLAIM_MS = 1_000;
/** Kept for longer than the run, should it hang. */
const CLAIM_MARGIN_SECONDS = 10;
/** Refusals that are logged: somebody who tries a thousand tokens must not fill the log. */
const LOGGED_PER_SECOND = 1;
const LOGGED_BURST = 20;

const inTable = (name: string): Action | undefined => (isAction(name) ? actionOf(name) : undefined);

export class ActionDesk implements AsyncDisposable {
  readonly #options: DeskOptions;
  readonly #find: (name: string) => Action | undefined;
  readonly #running = new Map<string, number>();
  readonly #claims = new ClaimBook();
  readonly #asker = new AgentAsker();
  readonly #stop = new AbortController();
  readonly #logged: TokenBucket;
  #notLogged = 0;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#find = options.find ?? inTable;
    this.#logged = new TokenBucket({ perSecond: LOGGED_PER_SECOND, burst: LOGGED_BURST, nowNs: nowNs() });
  }

  /** Lines to send on, or why not, with the cure. Never rejects; who gets the lines must read or return them. */
  async ask(asked: Asked): Promise<Answer> {
    const answer = (await this.#admit(asked)) ?? (await this.#begin(asked));
    if ("error" in answer) this.#refused(asked, answer);
    return answer;
  }

  /** As a keeper: may this run start? */
  async claim(asked: Omit<Asked, "name" | "node">): Promise<Granted | Refusal> {
    const refusal = await this.#admit(asked);
    if (refusal) {
      this.#refused({ ...asked, name: "claim" }, refusal);
      return refusal;
    }
    const claim = claimSchema.safeParse(asked.request);
    return claim.success ? this.#claims.take(claim.data) : { status: 400, error: "that is no claim" };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#asker[Symbol.asyncDispose]();
  }

  async #admit({ token }: Pick<Asked, "token">): Promise<Refusal | undefined> {
    const { config, token: file } = this.#options;
    if (!config.actions.enabled || file === undefined)
      return {
        status: 403,
        error:
          "actions are off here: set config.actions.enabled to true in the chart's values (actions.enabled of the agent), as docs/actions.md says",
      };
    const given = await file.judge(token);
    switch (given.kind) {
      case "right":
        return undefined;
      case "none":
        return { status: 503, error: `this agent has no token to compare with: ${given.why}` };
      case "missing":
        return {
          status: 401,
          error:
            "an action needs the token in the header X-Internode-Token: give --token-file or INTERNODE_TOKEN, or use a kubeconfig that may read the Secret",
        };
      case "wrong":
        return {
          status: 401,
          error:
            "this is not the token of these agents: take it from the Secret that their pods mount (volume 'token')",
        };
    }
  }

  async #begin(asked: Asked): Promise<Answer> {
    const { mesh } = this.#options;
    const { name, node = mesh.node.name } = asked;
    const action = this.#find(name);
    if (action === undefined)
      return { status: 404, error: `there is no action '${name.slice(0, 64)}'; there are ${ACTIONS.join(", ")}` };
    const parsed = action.request.safeParse(asked.request);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return { status: 400, error: `the request of ${name} is wrong at '${issue!.path.join(".")}': ${issue!.message}` };
    }
    if (node !== mesh.node.name) return this.#elsewhere(node, asked);
    const targets = action.targets(parsed.data);
    const stranger = targets.find((target) => !this.#options.mesh.peers().some((peer) => peer.node.name === target));
    if (stranger !== undefined) return this.#unknown(stranger);
    const running = this.#running.get(name) ?? 0;
    if (running >= action.caps.atOnce)
      return {
        status: 429,
        error: `${running} runs of ${name} are under way at ${mesh.node.name}, which is its limit: wait until one has ended`,
      };
    this.#running.set(name, running + 1);
    const run = randomBytes(8).toString("hex");
    const refusal = await this.#claimMesh(name, action, { run, token: asked.token! });
    if (refusal) {
      this.#ended(name);
      return refusal;
    }
    return { lines: this.#run({ asked, action, request: parsed.data, targets, run }) };
  }

  #unknown(name: string): Refusal {
    const { mesh } = this.#options;
    const peers = mesh.peers();
    const others = listed(
      peers.map(({ node }) => node.name),
      20,
    );
    const error =
      name === mesh.node.name
        ? `${name} is the node that would send: name another one`
        : `there is no node '${name.slice(0, 253)}' in this mesh besides ${mesh.node.name}; there are ${others}`;
    return { status: 404, error };
  }

  /** Passed on to the agent of that node, whose refusals are handed on as they are. */
  async #elsewhere(node: string, asked: Asked): Promise<Answer> {
    const { mesh } = this.#options;
    const agent = mesh.peerApis().find((peer) => peer.node.name === node);
    if (agent === undefined) return this.#unknown(node);
    if (asked.forwardedBy !== undefined)
      return {
        status: 404,
        error: `this is the agent of ${mesh.node.name}, not of ${node}: discovery is behind; try again`,
      };
    const signal = AbortSignal.any([asked.signal, this.#stop.signal]);
    const lines = this.#ask(node, asked, signal);
    try {
      const first = await lines.next();
      return { lines: handedOn(first, lines) };
    } catch (err) {
      if (err instanceof RefusedByAgent) return { status: err.status as Refusal["status"], error: err.message };
      return { status: 502, error: (err as Error).message };
    }
  }

  #ask(
    node: string,
    { name, request, token, caller }: Pick<Asked, "name" | "request" | "token" | "caller">,
    signal: AbortSignal,
  ): AsyncGenerator<Line> {
    const { mesh } = this.#options;
    const agent = mesh.peerApis().find((peer) => peer.node.name === node);
    if (agent === undefined) throw new ActionError(`no address of the agent of ${node} is known`);
    const path = `/api/v1/actions/${name}?${new URLSearchParams({ node }).toString()}`;
    return this.#asker.lines(
      { node, url: agent.url },
      { path, body: request, token: token!, from: mesh.node.name, caller, signal },
    );
  }

  async #claimMesh(
    name: string,
    { caps }: Action,
    { run, token }: { readonly run: string; readonly token: string },
  ): Promise<Refusal | undefined> {
    const { inMesh, mustBeGranted = false } = caps;
    if (inMesh === undefined) return undefined;
    const { mesh } = this.#options;
    const claim: Claim = {
      action: name,
      run,
      holder: mesh.node.name,
      limit: inMesh,
      seconds: caps.seconds + CLAIM_MARGIN_SECONDS,
    };
    const votes = await this.#vote(claim, token);
    const why = whyNotGranted(votes, mustBeGranted);
    if (why === undefined) return undefined;
    void this.#vote({ ...claim, seconds: 0 }, token);
    if (why.kind === "unasked")
      return {
        status: 503,
        error: `${name} runs only when most of the agents that keep count say that no other does, and ${votes.granted} of ${votes.asked} could be asked: repair the mesh first, or ask an agent that reaches more`,
      };
    const limit = inMesh === 1 ? "one runs" : `${inMesh} run`;
    return { status: 409, error: `${limit} in the mesh already, started at ${why.holder}: wait until it has ended` };
  }

  async #vote(claim: Claim, token: string): Promise<Votes> {
    const { mesh } = this.#options;
    const serving = mesh.peers().filter((peer) => peer.serving);
    const keepers = keepersOf([mesh.node, ...serving.map(({ node }) => node)]);
    const answers = await Promise.all(
      keepers.map(async ({ name }): Promise<Granted | undefined> => {
        if (name === mesh.node.name) return this.#claims.take(claim);
        const agent = mesh.peerApis().find(({ node }) => node.name === name);
        if (agent === undefined) return undefined;
        const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(CLAIM_MS)]);
        try {
          const ask = { path: "/api/v1/claims", body: claim, token, from: mesh.node.name, signal };
          return (await this.#asker.json({ node: name, url: agent.url }, ask)) as Granted;
        } catch {
          return undefined;
        }
      }),
    );
    const refused = answers.filter((answer) => answer?.granted === false);
    return {
      asked: keepers.length,
      granted: answers.filter((answer) => answer?.granted === true).length,
      refused: refused.length,
      holder: refused[0]?.holder,
    };
  }

  async *#run(one: {
    readonly asked: Asked;
    readonly action: Action;
    readonly request: unknown;
    readonly targets: readonly string[];
    readonly run: string;
  }): AsyncGenerator<Line> {
    const { asked, action, request, targets, run } = one;
    const { log, mesh } = this.#options;
    const { name, from, caller, forwardedBy, token } = asked;
    const cap = new AbortController();
    const timer = setTimeout(() => cap.abort(), action.caps.seconds * 1_000);
    const signal = AbortSignal.any([asked.signal, this.#stop.signal, cap.signal]);
    const startedMs = performance.now();
    const who = { action: name, run, from, ...(caller && { caller }), ...(forwardedBy && { forwardedBy }), targets };
    log.info({ ...who, request }, `an action begins: ${action.does}`);
    let how = "left";
    let work: ReturnType<Action["run"]> | undefined;
    try {
      yield { kind: "started", schemaVersion: LINES_SCHEMA_VERSION, action: name, node: mesh.node.name };
      work = action.run(request, this.#context(asked, signal));
      for (;;) {
        const next = await work.next();
        if (!next.done) {
          yield { ...next.value, kind: "progress" };
          continue;
        }
        how = cap.signal.aborted ? "capped" : asked.signal.aborted ? "left" : "done";
        const note = `ended after ${action.caps.seconds} s, the longest that ${name} may take`;
        yield { ...next.value, kind: "result", ...(how === "capped" && { note }) };
        break;
      }
    } catch (err) {
      how = "failed";
      if (!(err instanceof ActionError) && !signal.aborted) log.warn({ err, ...who }, "an action failed");
      yield { kind: "error", error: err instanceof Error ? err.message : String(err) };
    } finally {
      clearTimeout(timer);
      cap.abort();
      // Whoever asked may have gone between two lines: what is open is closed.
      await work?.return({}).catch(() => {});
      this.#ended(name);
      const { inMesh: limit } = action.caps;
      if (limit !== undefined)
        void this.#vote({ action: name, run, holder: mesh.node.name, limit, seconds: 0 }, token!);
      const seconds = Number(((performance.now() - startedMs) / 1_000).toFixed(3));
      log.info({ ...who, seconds, how }, "an action ended");
    }
  }

  #context(asked: Asked, signal: AbortSignal): ActionContext {
    const { config, engine, key, mesh } = this.#options;
    const peers = mesh.peers();
    return {
      config,
      engine,
      key,
      self: mesh.node,
      peers,
      peer: (name) => peers.find(({ node }) => node.name === name)!, // the targets were looked up
      signal,
      at: (node, { action, request }) => this.#ask(node, { ...asked, name: action, request }, signal),
    };
  }

  #ended(name: string): void {
    this.#running.set(name, Math.max(0, (this.#running.get(name) ?? 0) - 1));
  }

  #refused({ name, from, caller, forwardedBy }: Omit<Asked, "node">, { status, error }: Refusal): void {
    if (!this.#logged.take(nowNs())) return void this.#notLogged++;
    const notLogged = this.#notLogged;
    this.#notLogged = 0;
    this.#options.log.warn(
      {
        action: name.slice(0, 64),
        from,
        ...(caller && { caller }),
        ...(forwardedBy && { forwardedBy }),
        status,
        reason: error,
        ...(notLogged > 0 && { notLogged }),
      },
      "an action is refused",
    );
  }
}

async function* handedOn(first: IteratorResult<Line>, lines: AsyncGenerator<Line>): AsyncGenerator<Line> {
  if (first.done) return;
  yield first.value;
  try {
    yield* lines;
  } catch (err) {
    yield { kind: "error", error: (err as Error).message };
  }
}

const nowNs = (): number => performance.now() * 1e6;
