// Where actions are asked for: who may, and whether it may run now. Knows nothing of HTTP.
import { randomBytes } from "node:crypto";
import { listed } from "../base/format.ts";
import type { TokenFile } from "../base/token-file.ts";
import type { Config } from "../config/schema.ts";
import type { OpenedEngine } from "../measuring/engine.ts";
import type { Node } from "../model/peer.ts";
import type { PeerStatus } from "../model/unprobed.ts";
import type { PeerApi } from "../peers/peer-api.ts";
import { ActionError, type Action, type ActionContext } from "./action.ts";
import { AgentAsker, RefusedByAgent } from "./ask-agent.ts";
import { ClaimBook, claimSchema, voteSchema, type Claim, type Vote } from "./claims.ts";
import { Leases, type Lease } from "./leases.ts";
import type { Line } from "./lines.ts";
import { notGranted, RefusalLog, refusalOfToken, type Refusal } from "./refusals.ts";
import { run } from "./run.ts";

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
  /** In place of one that is new: for tests. */
  readonly claims?: ClaimBook;
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

export type Answer = { readonly lines: AsyncGenerator<Line> } | Refusal;

/** How long a keeper may take. */
const CLAIM_MS = 1_000;

export class ActionDesk implements AsyncDisposable {
  readonly #options: DeskOptions;
  readonly #running = new Map<string, number>();
  /** As a keeper. */
  readonly #claims: ClaimBook;
  readonly #leases: Leases;
  readonly #asker = new AgentAsker();
  readonly #stop = new AbortController();
  readonly #refusals: RefusalLog;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#claims = options.claims ?? new ClaimBook();
    this.#leases = new Leases({
      self: options.mesh.node,
      others: () => options.mesh.peers().map(({ node }) => node),
      ask: (keeper, claim, token) => this.#voteOf(keeper, claim, token),
    });
    this.#refusals = new RefusalLog(options.log);
  }

  /** Lines to send on, or why not, with the cure. Never rejects; who gets the lines must read or return them. */
  async ask(asked: Asked): Promise<Answer> {
    const answer = (await this.#admit(asked)) ?? (await this.#begin(asked));
    if ("error" in answer) this.#refusals.add(asked, answer);
    return answer;
  }

  /** As a keeper: may this run start? */
  async claim(asked: Omit<Asked, "name" | "node">): Promise<Vote | Refusal> {
    const refusal = await this.#admit(asked);
    if (refusal) {
      this.#refusals.add({ ...asked, name: "claim" }, refusal);
      return refusal;
    }
    const claim = claimSchema.safeParse(asked.request);
    return claim.success ? this.#claims.take(claim.data) : { status: 400, error: "that is no claim" };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#asker[Symbol.asyncDispose]();
  }

  #admit({ token }: Pick<Asked, "token">): Promise<Refusal | undefined> {
    const { config, token: file } = this.#options;
    return refusalOfToken(token, { isEnabled: config.actions.enabled, file });
  }

  async #begin(asked: Asked): Promise<Answer> {
    const { mesh, find } = this.#options;
    const { name, node = mesh.node.name } = asked;
    // Most agents never act, and none has to keep the actions in memory before.
    const { actionOf, ACTIONS, isAction } = await import("./actions.ts");
    const inTable = () => (isAction(name) ? actionOf(name) : undefined);
    const action = find === undefined ? inTable() : find(name);
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
    const id = randomBytes(8).toString("hex");
    const lease = await this.#claimMesh(asked, action, id);
    if (lease !== undefined && "error" in lease) {
      this.#ended(name);
      return lease;
    }
    const lines = run({
      name,
      action,
      request: parsed.data,
      targets,
      id,
      lease,
      node: mesh.node.name,
      asked,
      left: asked.signal,
      stop: this.#stop.signal,
      context: (signal) => this.#context(asked, signal),
      log: this.#options.log,
      ended: () => this.#ended(name),
    });
    return { lines };
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

  /** Undefined: nobody counts this action's runs in the mesh. */
  async #claimMesh(
    { name, token, signal }: Asked,
    { caps }: Action,
    run: string,
  ): Promise<Lease | Refusal | undefined> {
    const { inMesh: limit, mustBeGranted = false } = caps;
    if (limit === undefined) return undefined;
    const claimed = await this.#leases.claim({
      action: name,
      run,
      limit,
      mustBeGranted,
      token: token!,
      signal: AbortSignal.any([signal, this.#stop.signal]),
    });
    return "lease" in claimed ? claimed.lease : notGranted(name, limit, claimed);
  }

  async #voteOf(keeper: string, claim: Claim, token: string): Promise<Vote | undefined> {
    const { mesh } = this.#options;
    if (keeper === mesh.node.name) return this.#claims.take(claim);
    const agent = mesh.peerApis().find(({ node }) => node.name === keeper);
    if (agent === undefined) return undefined;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(CLAIM_MS)]);
    try {
      const ask = { path: "/api/v1/claims", body: claim, token, from: mesh.node.name, signal };
      return voteSchema.parse(await this.#asker.json({ node: keeper, url: agent.url }, ask));
    } catch {
      return undefined;
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
