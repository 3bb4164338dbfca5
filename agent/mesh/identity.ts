// Asks peers who they are, in the background: that the node which discovery names answers at its address, and which
// node addresses it has. A peer that cannot be asked is known by what others relay of it; its own word wins.
import type { Clock } from "../base/clock.ts";
import type { Addresses } from "../model/peer.ts";
import { sameAddresses } from "./addresses.ts";
import { backoffMs, type BackoffOptions } from "../base/backoff.ts";
import { readIdentity, type IdentityAnswer } from "./identity-answer.ts";
import type { LearntIdentities } from "./peer-addresses.ts";

/** Whom to ask. */
export interface IdentityTarget {
  readonly nodeName: string;
  /** A new one means a new pod: it is asked again at once, as it is when it begins or ceases to serve. */
  readonly endpointId: string;
  readonly serving: boolean;
  readonly podAddresses: Addresses;
  /** Nothing but this peer tells its node addresses: without an answer it is asked again soon. */
  readonly isNeeded: boolean;
}

/** Fetches a JSON document; rejects when it takes too long, is too large or is none. */
export type FetchJson = (url: string, signal: AbortSignal) => Promise<unknown>;

export interface IdentitiesOptions {
  readonly clock: Clock;
  readonly port: number;
  readonly fetchJson: FetchJson;
  /** Something was learnt. */
  readonly changed: () => void;
  /** What a peer said is asked again after this long. */
  readonly refreshMs?: number;
  readonly backoff?: BackoffOptions;
}

const CONCURRENT = 8;
const DEFAULT_REFRESH_MS = 600_000;
const DEFAULT_BACKOFF: BackoffOptions = { baseMs: 1_000, capMs: 60_000 };
/** What a peer answers may stand in it. */
const MAX_TROUBLE = 300;
const NS_PER_MS = 1e6;
const NOTHING: Addresses = {};

interface Asked {
  target: IdentityTarget;
  dueNs: number;
  /** How often it was asked; chooses the address. */
  asks: number;
  /** In a row. */
  failures: number;
  inFlight: boolean;
  trouble: string | undefined;
  /** The peer's own word. */
  own: Addresses | undefined;
}

export interface IdentityState {
  /** Peers that told their identity, and those that have not. */
  readonly known: number;
  readonly missing: readonly { readonly node: string; readonly error: string }[];
  readonly errors: number;
}

export class Identities implements LearntIdentities, AsyncDisposable {
  readonly #options: IdentitiesOptions;
  readonly #asked = new Map<string, Asked>();
  /** Node → who said so → what. Kept only for nodes whose own word is missing. */
  readonly #claims = new Map<string, Map<string, Addresses>>();
  /** Address → the node that answered there last. */
  readonly #answered = new Map<string, string>();
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #errors = 0;

  constructor(options: IdentitiesOptions) {
    this.#options = options;
  }

  /** The peers to know of from now on; others are forgotten. */
  follow(targets: readonly IdentityTarget[]): void {
    const names = new Set(targets.map((t) => t.nodeName));
    for (const name of this.#asked.keys()) if (!names.has(name)) this.#asked.delete(name);
    for (const name of this.#claims.keys()) if (!names.has(name)) this.#claims.delete(name);
    const addresses = new Set(targets.flatMap((t) => Object.values(t.podAddresses)));
    for (const address of this.#answered.keys()) if (!addresses.has(address)) this.#answered.delete(address);
    for (const target of targets) this.#follow(target);
    this.advance();
  }

  #follow(target: IdentityTarget): void {
    const nowNs = this.#options.clock.monotonicNs();
    const asked = this.#asked.get(target.nodeName);
    if (!asked) {
      const fresh = { dueNs: nowNs, asks: 0, failures: 0, inFlight: false, trouble: undefined, own: undefined };
      this.#asked.set(target.nodeName, { target, ...fresh });
      return;
    }
    const before = asked.target;
    asked.target = target;
    if (saysTheSame(before, target)) return;
    [asked.dueNs, asked.failures] = [nowNs, 0];
    if (before.endpointId !== target.endpointId)
      for (const address of Object.values(target.podAddresses)) this.#answered.delete(address);
  }

  /** Ask whoever is due; called whenever time has passed. */
  advance(): void {
    if (this.#stop.signal.aborted) return;
    const nowNs = this.#options.clock.monotonicNs();
    for (const asked of this.#asked.values()) {
      if (this.#running.size >= CONCURRENT) return;
      if (!asked.inFlight && asked.dueNs <= nowNs) this.#begin(asked);
    }
  }

  own(nodeName: string): Addresses | undefined {
    return this.#asked.get(nodeName)?.own;
  }

  relayed(nodeName: string): Addresses {
    return mostSaid(this.#claims.get(nodeName));
  }

  answeredAt(address: string): string | undefined {
    return this.#answered.get(address);
  }

  trouble(nodeName: string): string | undefined {
    return this.#asked.get(nodeName)?.trouble;
  }

  state(): IdentityState {
    const all = [...this.#asked.values()];
    return {
      known: all.filter((a) => a.own !== undefined).length,
      missing: all
        .filter((a) => a.own === undefined)
        .map((a) => ({ node: a.target.nodeName, error: a.trouble ?? "not asked yet" })),
      errors: this.#errors,
    };
  }

  #begin(asked: Asked): void {
    asked.inFlight = true;
    const asking: Promise<void> = this.#ask(asked).finally(() => {
      asked.inFlight = false;
      this.#running.delete(asking);
      this.advance();
    });
    this.#running.add(asking);
  }

  async #ask(asked: Asked): Promise<void> {
    const { fetchJson, refreshMs = DEFAULT_REFRESH_MS, backoff = DEFAULT_BACKOFF, clock, port } = this.#options;
    const { target } = asked;
    const addresses = Object.values(target.podAddresses);
    // With two families they take turns.
    const address = addresses[asked.asks % Math.max(1, addresses.length)];
    asked.asks += 1;
    const before = this.#learntOf(asked);
    let waitMs: number;
    try {
      if (address === undefined) throw new Error("it has no pod address to ask at");
      const host = address.includes(":") ? `[${address}]` : address;
      const document = await fetchJson(`http://${host}:${port}/api/v1/identity`, this.#stop.signal);
      const answer = readIdentity(document);
      if (this.#asked.get(target.nodeName) !== asked) return;
      this.#checkNode(address, asked, answer);
      asked.failures = 0;
      asked.trouble = undefined;
      this.#learn(asked, answer);
      waitMs = refreshMs * (0.5 + Math.random() / 2);
    } catch (err) {
      if (this.#stop.signal.aborted) return;
      this.#errors += 1;
      asked.failures += 1;
      asked.trouble = (err as Error).message.slice(0, MAX_TROUBLE);
      const answered = address === undefined ? undefined : this.#answered.get(address);
      const isUrgent = target.isNeeded || (answered !== undefined && answered !== target.nodeName);
      waitMs = backoffMs(asked.failures, isUrgent ? backoff : { baseMs: refreshMs / 10, capMs: refreshMs });
    }
    if (before !== this.#learntOf(asked)) this.#options.changed();
    // A new pod that came meanwhile is due at once.
    if (saysTheSame(asked.target, target)) asked.dueNs = clock.monotonicNs() + waitMs * NS_PER_MS;
  }

  /** Throws when it is not the node that was asked for. */
  #checkNode(address: string, { target }: Asked, { nodeName }: IdentityAnswer): void {
    if (Object.values(target.podAddresses).includes(address)) this.#answered.set(address, nodeName);
    if (nodeName !== target.nodeName)
      throw new Error(`node ${nodeName} answered at ${address}, the address listed for ${target.nodeName}`);
  }

  #learn(asked: Asked, { nodeAddresses, relayed }: IdentityAnswer): void {
    asked.own = nodeAddresses;
    if (isSomething(nodeAddresses)) this.#claims.delete(asked.target.nodeName);
    for (const [name, claimed] of relayed) {
      if (!this.#asked.has(name) || isSomething(this.own(name)) || !isSomething(claimed)) continue;
      const before = this.relayed(name);
      if (!this.#claims.has(name)) this.#claims.set(name, new Map());
      this.#claims.get(name)!.set(asked.target.nodeName, claimed);
      if (!sameAddresses(before, this.relayed(name))) this.#options.changed();
    }
  }

  /** What membership reads of one peer, to see whether it changed. */
  #learntOf({ target, own, trouble }: Asked): string {
    const answered = Object.values(target.podAddresses).map((address) => this.#answered.get(address));
    return JSON.stringify([own, trouble, answered]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#running);
  }
}

const saysTheSame = (a: IdentityTarget, b: IdentityTarget): boolean =>
  a.endpointId === b.endpointId && a.serving === b.serving && sameAddresses(a.podAddresses, b.podAddresses);

const isSomething = (addresses: Addresses | undefined): addresses is Addresses =>
  addresses !== undefined && Object.keys(addresses).length > 0;

/** What most peers say; of equals the first by spelling, so that every moment gives the same answer. */
function mostSaid(claims: ReadonlyMap<string, Addresses> | undefined): Addresses {
  if (!claims) return NOTHING;
  const bySpelling = Map.groupBy(claims.values(), (a) => `${a.ipv4 ?? ""} ${a.ipv6 ?? ""}`);
  const [most] = [...bySpelling].sort(([a, saidA], [b, saidB]) => saidB.length - saidA.length || (a < b ? -1 : 1));
  return most?.[1][0] ?? NOTHING;
}
