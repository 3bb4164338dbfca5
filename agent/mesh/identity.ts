// Learns the node addresses of peers by asking them, in the background. A peer that cannot be asked is known by what
// others relay of it; its own word wins.
import type { Clock } from "../base/clock.ts";
import type { Addresses } from "../model/peer.ts";
import { sameAddresses, type AddressPolicy } from "./addresses.ts";
import { backoffMs, type BackoffOptions } from "./backoff.ts";
import { readIdentity } from "./identity-answer.ts";

/** Whom to ask. */
export interface IdentityTarget {
  readonly nodeName: string;
  /** A new one means a new pod: what it says is asked again at once. */
  readonly endpointId: string;
  readonly podAddresses: Addresses;
}

/** Fetches a JSON document; rejects when it takes too long, is too large or is none. */
export type FetchJson = (url: string, signal: AbortSignal) => Promise<unknown>;

export interface IdentitiesOptions extends AddressPolicy {
  readonly clock: Clock;
  readonly port: number;
  readonly fetchJson: FetchJson;
  readonly ownNodeAddresses: readonly string[];
  /** Something was learnt. */
  readonly changed: () => void;
  /** What a peer said is asked again after this long. */
  readonly refreshMs?: number;
  readonly backoff?: BackoffOptions;
}

const CONCURRENT = 8;
const DEFAULT_REFRESH_MS = 600_000;
const DEFAULT_BACKOFF: BackoffOptions = { baseMs: 1_000, capMs: 60_000 };
const NS_PER_MS = 1e6;
const NOTHING: Addresses = {};

interface Asked {
  target: IdentityTarget;
  dueNs: number;
  failures: number;
  inFlight: boolean;
  error: string | undefined;
  /** The peer's own word. */
  own: Addresses | undefined;
}

export interface IdentityState {
  /** Peers that told their identity, and those that have not. */
  readonly known: number;
  readonly missing: readonly { readonly node: string; readonly error: string }[];
  readonly errors: number;
}

export class Identities implements AsyncDisposable {
  readonly #options: IdentitiesOptions;
  readonly #asked = new Map<string, Asked>();
  /** Node → who said so → what. Kept only for nodes whose own word is missing. */
  readonly #claims = new Map<string, Map<string, Addresses>>();
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
    const nowNs = this.#options.clock.monotonicNs();
    for (const target of targets) {
      const asked = this.#asked.get(target.nodeName);
      if (!asked) {
        this.#asked.set(target.nodeName, {
          target,
          dueNs: nowNs,
          failures: 0,
          inFlight: false,
          error: undefined,
          own: undefined,
        });
      } else {
        if (asked.target.endpointId !== target.endpointId) [asked.dueNs, asked.failures] = [nowNs, 0];
        asked.target = target;
      }
    }
    this.advance();
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

  /** The node's own word; else what most peers say of it. */
  nodeAddresses(nodeName: string): Addresses {
    const own = this.#asked.get(nodeName)?.own;
    return own !== undefined && Object.keys(own).length > 0 ? own : mostSaid(this.#claims.get(nodeName));
  }

  state(): IdentityState {
    const all = [...this.#asked.values()];
    return {
      known: all.filter((a) => a.own !== undefined).length,
      missing: all
        .filter((a) => a.own === undefined)
        .map((a) => ({ node: a.target.nodeName, error: a.error ?? "not asked yet" })),
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
    let waitMs: number;
    try {
      const addresses = Object.values(target.podAddresses);
      // With two families the other one is tried after a failure.
      const address = addresses[asked.failures % Math.max(1, addresses.length)];
      if (address === undefined) throw new Error("it has no pod address to ask at");
      const host = address.includes(":") ? `[${address}]` : address;
      const document = await fetchJson(`http://${host}:${port}/api/v1/identity`, this.#stop.signal);
      const answer = readIdentity(document, { ...this.#options, nodeName: target.nodeName });
      if (this.#asked.get(target.nodeName) !== asked) return;
      asked.failures = 0;
      asked.error = answer.refused.length === 0 ? undefined : `never probed: ${answer.refused.slice(0, 4).join(", ")}`;
      this.#learn(asked, answer.nodeAddresses, answer.relayed);
      waitMs = refreshMs * (0.5 + Math.random() / 2);
    } catch (err) {
      if (this.#stop.signal.aborted) return;
      this.#errors += 1;
      asked.failures += 1;
      asked.error = (err as Error).message;
      waitMs = backoffMs(asked.failures, backoff);
    }
    // A new pod that came meanwhile is due at once.
    if (asked.target.endpointId === target.endpointId) asked.dueNs = clock.monotonicNs() + waitMs * NS_PER_MS;
  }

  #learn(asked: Asked, own: Addresses, relayed: ReadonlyMap<string, Addresses>): void {
    const affected = [asked.target.nodeName, ...relayed.keys()].filter((name) => this.#asked.has(name));
    const before = affected.map((name) => this.nodeAddresses(name));
    asked.own = own;
    for (const name of affected) {
      const claimed = relayed.get(name);
      const ownWord = this.#asked.get(name)!.own;
      if (ownWord !== undefined && Object.keys(ownWord).length > 0) this.#claims.delete(name);
      else if (claimed !== undefined && Object.keys(claimed).length > 0) {
        if (!this.#claims.has(name)) this.#claims.set(name, new Map());
        this.#claims.get(name)!.set(asked.target.nodeName, claimed);
      }
    }
    if (affected.some((name, i) => !sameAddresses(before[i]!, this.nodeAddresses(name)))) this.#options.changed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#running);
  }
}

/** What most peers say; of equals the first by spelling, so that every moment gives the same answer. */
function mostSaid(claims: ReadonlyMap<string, Addresses> | undefined): Addresses {
  if (!claims) return NOTHING;
  const bySpelling = Map.groupBy(claims.values(), (a) => `${a.ipv4 ?? ""} ${a.ipv6 ?? ""}`);
  const [most] = [...bySpelling].sort(([a, saidA], [b, saidB]) => saidB.length - saidA.length || (a < b ? -1 : 1));
  return most?.[1][0] ?? NOTHING;
}
