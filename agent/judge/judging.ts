// Judges when it is this agent's turn, and answers for the mesh in any case: from its own judgement, from a judge's, or,
// where no judge answers, from what it sees itself.
import type { Chores } from "../base/chores.ts";
import type { Clock } from "../base/clock.ts";
import { phase } from "../base/hash.ts";
import type { Evidence } from "../diagnosis/evidence/evidence.ts";
import { ROWS_STAND_FOR_SECONDS } from "../diagnosis/judge-snapshot.ts";
import type { Findings, JudgeReport, Verdict } from "../model/finding.ts";
import type { Node } from "../model/peer.ts";
import type { JudgePeers } from "../peers/judge-peers.ts";
import type { PeerApi } from "../peers/peer-api.ts";
import { letHeapGrow } from "./heap.ts";
import { JudgeMemory } from "./memory.ts";
import { judgeOrder } from "./order.ts";
import { OwnLosses } from "./own-losses.ts";
import { JUDGE_EVERY_MS, Pace } from "./pace.ts";
import type { Kernels } from "./kernels.ts";
import { Standby } from "./standby.ts";

const LOOK_EVERY_MS = 5_000;
const WATCH_EVERY_MS = 1_000;
/** What is older is not given away: the judge hangs, or its evidence does not come. */
const STALE_AFTER_NS = 35e9;
/** Judges that are asked for an answer, the first in the order first. */
const ASKED = 4;
const ANSWER_KEPT_NS = 1e9;
/** An agent that judges alone, because it is asked, remembers for so long. */
const ALONE_KEPT_NS = 60e9;

export interface JudgingOptions {
  readonly clock: Clock;
  readonly self: () => Node;
  /** This agent may judge: it is ready. */
  readonly isServing: () => boolean;
  /** All peers, serving or not. */
  readonly peerApis: () => readonly PeerApi[];
  /** `isHasty`: who does not answer soon is left out, since there will soon be another look. */
  readonly gather: (how: { readonly isHasty: boolean }) => Promise<Evidence>;
  /** Probes of this agent that failed since it started. */
  readonly failures: () => number;
  readonly peers: Pick<JudgePeers, "isAlive" | "verdict" | "findings">;
  /** Where there are host views: what the kernels of the nodes say. */
  readonly kernels?: Pick<Kernels, "look" | "explain">;
  readonly sharedKey?: Uint8Array | undefined;
  readonly log: { info(details: object, message: string): void; error(details: object, message: string): void };
}

export type FindingsKind = "verdict" | "findings";
export type FindingsAnswer =
  { readonly status: 200; readonly document: Verdict | Findings } | { readonly status: number; readonly error: string };

interface Own {
  readonly memory: JudgeMemory;
  readonly pace: Pace;
  readonly losses: OwnLosses;
  /** When the evidence of the latest verdict was complete, and what that says of it. */
  judgedNs: number | undefined;
  latest: JudgeReport["latest"];
}

interface Kept {
  readonly document: Promise<Findings | Verdict>;
  readonly fromNs: number;
}

export class Judging implements AsyncDisposable {
  readonly #options: JudgingOptions;
  readonly #standby: Standby;
  #own: Own | undefined;
  #alone: { readonly memory: JudgeMemory; readonly findings: Promise<Findings>; readonly fromNs: number } | undefined;
  readonly #kept = new Map<FindingsKind, Kept>();
  #order: { readonly names: string; readonly nodes: readonly Node[] } = { names: "", nodes: [] };
  #chores: Chores | undefined;
  #lookingAgain: Disposable | undefined;
  #watching: Disposable | undefined;
  #looking: Promise<void> | undefined;
  #judging: Promise<void> | undefined;

  constructor(options: JudgingOptions) {
    this.#options = options;
    const { clock, peers } = options;
    this.#standby = new Standby({
      clock,
      isAlive: async (name) => {
        const api = this.#apiOf(name);
        return api !== undefined && (await peers.isAlive(api));
      },
    });
  }

  /** Turns are spread, so that not all ask at the same moment, and the two judges do not judge in step. */
  start(chores: Chores): void {
    const share = phase(`judge ${this.#options.self().name}`);
    this.#chores = chores;
    this.#lookingAgain = chores.every(LOOK_EVERY_MS, () => void this.look(), share * LOOK_EVERY_MS);
  }

  /** Every second while this agent judges: judge if it is time to. */
  async watch(): Promise<void> {
    const own = this.#own;
    if (!own) return;
    const nowMs = this.#nowMs();
    if (own.losses.hasJustBegun()) own.pace.hurry(nowMs);
    if (own.pace.isDue(nowMs)) await this.judge();
  }

  /** Whose turn it is. */
  async look(): Promise<void> {
    await (this.#looking ??= this.#look().finally(() => (this.#looking = undefined)));
  }

  /** One judgement, if it is this agent's turn. */
  async judge(): Promise<void> {
    await (this.#judging ??= this.#judge().finally(() => (this.#judging = undefined)));
  }

  /** Undefined while this agent does not judge. */
  get report(): JudgeReport | undefined {
    return this.#own && { latest: this.#own.latest };
  }

  /** `by`: this agent's own judgement only, asked for by its name. */
  async answer({ kind, by }: { readonly kind: FindingsKind; readonly by?: string }): Promise<FindingsAnswer> {
    if (by !== undefined) return this.#ownAnswer(kind, by);
    const own = this.#fresh();
    if (own) return { status: 200, document: only(own, kind) };
    const nowNs = this.#options.clock.monotonicNs();
    let kept = this.#kept.get(kind);
    if (kept === undefined || nowNs - kept.fromNs > ANSWER_KEPT_NS) {
      kept = { document: this.#fromOthers(kind), fromNs: nowNs };
      this.#kept.set(kind, kept);
      kept.document.catch(() => this.#kept.delete(kind));
    }
    return { status: 200, document: await kept.document };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#chores = undefined;
    this.#lookingAgain?.[Symbol.dispose]();
    this.#watching?.[Symbol.dispose]();
    await Promise.all([this.#looking, this.#judging]);
  }

  async #look(): Promise<void> {
    const { self, log } = this.#options;
    const order = this.#judges();
    const place = order.findIndex(({ name }) => name === self().name);
    const before = order.slice(0, place < 0 ? undefined : place).map(({ name }) => name);
    // Before anybody is known to be ready there is nothing to judge.
    const isMyTurn = order.length > 0 && (await this.#standby.isMyTurn(before));
    if (isMyTurn === (this.#own !== undefined)) return;
    log.info({ before: before.slice(0, ASKED) }, isMyTurn ? "this agent judges now" : "this agent judges no more");
    this.#own = isMyTurn ? this.#begin() : undefined;
    letHeapGrow(isMyTurn);
    this.#watchWhile(isMyTurn);
    if (isMyTurn) void this.judge();
  }

  /** Those that stand by, which are nearly all, do not wake for it. */
  #watchWhile(isJudging: boolean): void {
    this.#watching?.[Symbol.dispose]();
    this.#watching = isJudging ? this.#chores?.every(WATCH_EVERY_MS, () => void this.watch()) : undefined;
  }

  #begin(): Own {
    const { clock, failures, self } = this.#options;
    return {
      memory: new JudgeMemory(),
      pace: new Pace(phase(`judge ${self().name}`)),
      losses: new OwnLosses(clock, failures),
      judgedNs: undefined,
      latest: undefined,
    };
  }

  async #judge(): Promise<void> {
    const own = this.#own;
    if (!own) return;
    const { clock, gather, log } = this.#options;
    const nowMs = this.#nowMs();
    const isHasty = own.pace.isHasty(nowMs);
    own.pace.begins(nowMs);
    try {
      if (own.judgedNs === undefined) await this.#copy(own.memory);
      const startNs = clock.monotonicNs();
      const evidence = await gather({ isHasty });
      const gatheredNs = clock.monotonicNs();
      const { findings } = await own.memory.judge(evidence);
      if (own.memory.isWorthAnotherLook) own.pace.hurry(this.#nowMs());
      own.judgedNs = gatheredNs;
      // The verdict does not wait for them.
      void this.#options.kernels?.look(findings);
      own.latest = {
        atSeconds: evidence.atSeconds,
        findings,
        missingRows: evidence.nodes.filter(({ agent }) => !agent).length,
        gatherSeconds: (gatheredNs - startNs) / 1e9,
        decideSeconds: (clock.monotonicNs() - gatheredNs) / 1e9,
      };
    } catch (err) {
      log.error({ err }, "could not judge; trying again");
    }
  }

  /** What another judge has open, so that nothing is lost when judges change. */
  async #copy(memory: JudgeMemory): Promise<void> {
    const { clock, self, peerApis, peers } = this.#options;
    const told = await Promise.all(this.#otherJudges().map((api) => peers.findings(api)));
    const other = told.find((findings) => findings !== undefined);
    if (!other) return;
    const names = new Set([self(), ...peerApis().map(({ node }) => node)].map(({ name }) => name));
    memory.adopt(other, { names, nowSeconds: clock.baseSeconds + clock.realtimeNs() / 1e9 });
  }

  #ownAnswer(kind: FindingsKind, by: string): FindingsAnswer {
    const { name } = this.#options.self();
    if (by !== name) return { status: 404, error: `this is ${name}, and it answers for itself only with 'by'` };
    if (!this.#own) return { status: 404, error: `${name} does not judge now: leave out 'by' for the verdict` };
    const findings = this.#fresh();
    if (findings) return { status: 200, document: only(findings, kind) };
    return { status: 503, error: `${name} has not judged in time; it tries every ${JUDGE_EVERY_MS / 1_000} s` };
  }

  #nowMs(): number {
    return this.#options.clock.monotonicNs() / 1e6;
  }

  #fresh(): Findings | undefined {
    const own = this.#own;
    if (own?.judgedNs === undefined) return undefined;
    if (this.#options.clock.monotonicNs() - own.judgedNs >= STALE_AFTER_NS) return undefined;
    const { findings } = own.memory;
    const { kernels } = this.#options;
    return findings && kernels ? { ...findings, findings: kernels.explain(findings.findings) } : findings;
  }

  /** One after the other: the first nearly always answers. */
  async #fromOthers(kind: FindingsKind): Promise<Findings | Verdict> {
    const judges = this.#otherJudges();
    for (const api of judges) {
      const document = await this.#options.peers[kind](api);
      if (document) return document;
    }
    const asked = judges.map(({ node }) => node.name);
    const why =
      asked.length === 0
        ? "there is no other agent to ask"
        : `no judge answers (asked: ${asked.join(", ")}); ${this.#options.self().name} judged by itself`;
    return only({ ...(await this.#judgeAlone()), alone: why }, kind);
  }

  /** While somebody asks it keeps what it has seen, so that it judges better the longer it is asked. */
  #judgeAlone(): Promise<Findings> {
    const { clock, gather } = this.#options;
    const nowNs = clock.monotonicNs();
    const before = this.#alone && nowNs - this.#alone.fromNs < ALONE_KEPT_NS ? this.#alone : undefined;
    if (before && nowNs - before.fromNs < JUDGE_EVERY_MS * 1e6) return before.findings;
    const memory = before?.memory ?? new JudgeMemory({ seenBeforeSeconds: ROWS_STAND_FOR_SECONDS });
    // One after the other: one judgement takes as long as the slowest agent.
    const findings = (async () => {
      await before?.findings.catch(() => {});
      return memory.judge(await gather({ isHasty: false }));
    })();
    this.#alone = { memory, findings, fromNs: nowNs };
    findings.catch(() => (this.#alone = undefined));
    return findings;
  }

  /** In the order, as far as they have an address. */
  #otherJudges(): PeerApi[] {
    const { self } = this.#options;
    return this.#judges()
      .filter(({ name }) => name !== self().name)
      .slice(0, ASKED)
      .flatMap(({ name }) => this.#apiOf(name) ?? []);
  }

  #apiOf(name: string): PeerApi | undefined {
    return this.#options.peerApis().find(({ node }) => node.name === name);
  }

  /** Serving agents in the order in which they judge; put into it anew only when they are others. */
  #judges(): readonly Node[] {
    const { self, isServing, peerApis, sharedKey } = this.#options;
    const serving = [
      ...(isServing() ? [self()] : []),
      ...peerApis()
        .filter((api) => api.serving)
        .map(({ node }) => node),
    ];
    const names = JSON.stringify(serving);
    if (names !== this.#order.names) this.#order = { names, nodes: judgeOrder(serving, sharedKey) };
    return this.#order.nodes;
  }
}

/** A verdict says nothing of what is over. */
function only(findings: Findings | Verdict, kind: FindingsKind): Findings | Verdict {
  if (kind === "findings" || !("ended" in findings)) return findings;
  const { ended: _ended, ...verdict } = findings;
  return verdict;
}
