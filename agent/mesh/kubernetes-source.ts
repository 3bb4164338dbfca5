// The mesh from the EndpointSlices of one headless Service: list, then watch for ever. Whatever the API server does,
// the last good list stays, and the agent comes back to it by itself.
import { setTimeout as sleep } from "node:timers/promises";
import { backoffMs, type BackoffOptions } from "../base/backoff.ts";
import { endpointsOf, type EndpointSlice } from "./endpoint-slice.ts";
import { kubeAccess, type KubeAccess } from "./kube-access.ts";
import {
  discoveryFailure,
  HistoryGoneError,
  isCut,
  MalformedAnswerError,
  noSlices,
  type Resource,
} from "./kube-errors.ts";
import { listSlices, watchSlices, type Request, type SliceEvent } from "./kube-requests.ts";
import type { MeshSource, MeshSourceListener } from "./source.ts";

export interface KubernetesSourceOptions extends Resource {
  /** A watch without a byte for this long is given up. */
  readonly idleTimeoutMs: number;
  readonly access?: KubeAccess;
  readonly backoff?: BackoffOptions;
  /** How long the server lets a watch live, drawn from this range: not all agents come back at once. */
  readonly watchSeconds?: { readonly from: number; readonly to: number };
}

const DEFAULT_BACKOFF: BackoffOptions = { baseMs: 1_000, capMs: 30_000 };
const DEFAULT_WATCH_SECONDS = { from: 300, to: 600 };
/** A watch that lived this long was a success, however it ended. */
const HEALTHY_WATCH_MS = 10_000;
/** After so many failures in a row the place to go on from is in doubt too (a server restored from a backup). */
const RELIST_AFTER_FAILURES = 3;
/** Changes that come together are one list: a Service whose slices go one by one must not look like a shrinking mesh. */
const COALESCE_MS = 100;

export function createKubernetesSource(options: KubernetesSourceOptions): MeshSource {
  return {
    start(listener) {
      const watch = new SliceWatch(options, listener);
      watch.begin();
      return watch;
    },
  };
}

class SliceWatch implements AsyncDisposable {
  readonly #options: KubernetesSourceOptions;
  readonly #listener: MeshSourceListener;
  readonly #request: Request;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** By name: the last good state of every slice. */
  #slices = new Map<string, EndpointSlice>();
  /** Where to go on from; undefined when only a list helps. */
  #resourceVersion: string | undefined;
  #hasListed = false;
  #openSinceMs: number | undefined;
  #pending: NodeJS.Timeout | undefined;

  constructor(options: KubernetesSourceOptions, listener: MeshSourceListener) {
    this.#options = options;
    this.#listener = listener;
    this.#request = {
      access: options.access ?? kubeAccess({ env: process.env }),
      resource: options,
      signal: this.#stop.signal,
    };
  }

  begin(): void {
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let failures = 0;
    while (!signal.aborted) {
      const isResumed = this.#resourceVersion !== undefined;
      this.#openSinceMs = undefined;
      const problem = await this.#listAndWatch().then(() => undefined, toError);
      const livedMs = this.#openSinceMs === undefined ? 0 : performance.now() - this.#openSinceMs;
      failures = livedMs >= HEALTHY_WATCH_MS ? 0 : failures + 1;
      if (problem && !signal.aborted) this.#judge(problem, { isResumed, failures });
      await sleep(backoffMs(failures, this.#options.backoff ?? DEFAULT_BACKOFF), undefined, { signal }).catch(() => {});
    }
  }

  async #listAndWatch(): Promise<void> {
    this.#resourceVersion ??= await this.#list();
    const { from, to } = this.#options.watchSeconds ?? DEFAULT_WATCH_SECONDS;
    const timeoutSeconds = Math.round(from + Math.random() * (to - from));
    for await (const event of watchSlices(this.#request, {
      resourceVersion: this.#resourceVersion,
      timeoutSeconds,
      idleTimeoutMs: this.#options.idleTimeoutMs,
    }))
      this.#take(event);
  }

  /** From the server's cache the first time; later, when something went wrong, its newest. */
  async #list(): Promise<string> {
    const { resourceVersion, slices } = await listSlices(this.#request, this.#hasListed ? undefined : "0");
    this.#hasListed = true;
    this.#slices = new Map(slices.map((slice) => [slice.metadata.name, slice]));
    this.#tell();
    return resourceVersion;
  }

  #take(event: SliceEvent): void {
    switch (event.type) {
      case "open":
        this.#openSinceMs = performance.now();
        break;
      case "bookmark":
        this.#resourceVersion = event.resourceVersion;
        break;
      case "changed":
      case "deleted":
        this.#resourceVersion = event.resourceVersion;
        if (event.type === "changed") this.#slices.set(event.slice.metadata.name, event.slice);
        else this.#slices.delete(event.slice.metadata.name);
        this.#pending ??= setTimeout(() => this.#tell(), COALESCE_MS);
        break;
    }
    if (this.#slices.size > 0) this.#listener.synced();
  }

  #tell(): void {
    clearTimeout(this.#pending);
    this.#pending = undefined;
    if (this.#stop.signal.aborted) return;
    if (this.#slices.size === 0) {
      this.#listener.failed(noSlices(this.#options));
      return;
    }
    const { endpoints, unusable } = endpointsOf(this.#slices.values());
    this.#listener.endpoints(endpoints, unusable);
    this.#listener.synced();
  }

  /** What a failure means for going on, and whether it is worth telling. */
  #judge(problem: Error, { isResumed, failures }: { readonly isResumed: boolean; readonly failures: number }): void {
    const isGone = problem instanceof HistoryGoneError;
    if (isGone || problem instanceof MalformedAnswerError || failures >= RELIST_AFTER_FAILURES)
      this.#resourceVersion = undefined;
    // History that was compacted away while the agent was not watching, and a long-lived connection that was cut
    // (a server or load balancer that restarts), are everyday; the next attempt says whether something is wrong.
    if ((isGone && isResumed) || (failures === 0 && isCut(problem))) return;
    this.#listener.failed(discoveryFailure(problem, this.#options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#pending);
    await this.#running;
    await this.#request.access[Symbol.asyncDispose]();
  }
}

const toError = (err: unknown): Error => (err instanceof Error ? err : new Error(String(err)));
