// Searches of every path to a node, one a network and address family, side by side: opened, ticked and closed together.
// What is looked for (routers, the largest packet) is the search's business.
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { nodeName } from "../../config/schema.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { IP_FAMILIES, NETWORKS } from "../../model/peer.ts";
import type { MonotonicNs } from "../../probes/prober.ts";
import type { ActionContext } from "../action.ts";
import { PathProbes, type PathProbesOptions } from "./path-probes.ts";
import { kernelOf, nodesByAddress, pathTargets, type PathTarget } from "./targets.ts";

/** Longer than a tick is: nothing depends on it, since the kernel stamps what comes and goes. */
const TICK_MS = 10;
const PROGRESS_MS = 500;

/** Which paths, in a request. */
export const PATHS_ASKED = {
  target: nodeName,
  networks: z
    .array(z.enum(NETWORKS))
    .min(1)
    .default([...NETWORKS]),
  families: z.array(z.enum(IP_FAMILIES)).min(1).optional(),
} as const;
type PathsAsked = z.infer<z.ZodObject<typeof PATHS_ASKED>>;

export interface PathSearch {
  readonly isOver: boolean;
  /** Send what is due. Called after what has come was taken. */
  tick(nowNs: MonotonicNs): void;
}

interface SearchedPath<S extends PathSearch> {
  readonly to: PathTarget;
  readonly probes: PathProbes;
  readonly search: S;
}

export interface PathSearchesOptions<S extends PathSearch> {
  /** Name of the action, for who cannot have it. */
  readonly action: string;
  readonly probes: Pick<PathProbesOptions, "ports" | "timeoutMs" | "dontFragment">;
  readonly begin: (path: { readonly to: PathTarget; readonly probes: PathProbes; readonly kernel: Kernel }) => S;
}

export class PathSearches<S extends PathSearch> implements Disposable {
  readonly #context: ActionContext;
  readonly #paths: SearchedPath<S>[] = [];

  /** Throws ActionError where there is no path to search, KernelError when a socket cannot be opened. */
  constructor(context: ActionContext, asked: PathsAsked, { action, probes: own, begin }: PathSearchesOptions<S>) {
    this.#context = context;
    const { engine, key, self, config } = context;
    const kernel = kernelOf(context, action);
    try {
      for (const to of pathTargets(context, asked)) {
        const probes = new PathProbes({
          ...to,
          ...own,
          kernel,
          clock: engine.clock,
          key,
          source: self.name,
          to: { address: to.address, port: config.ports.probe },
        });
        this.#paths.push({ to, probes, search: begin({ to, probes, kernel }) });
      }
    } catch (err) {
      this[Symbol.dispose]();
      throw err;
    }
  }

  get paths(): readonly SearchedPath<S>[] {
    return this.#paths;
  }

  /** To the end of all, or until the signal fires. */
  async *run<P>(progress: () => P): AsyncGenerator<P, void> {
    const { signal, engine } = this.#context;
    let toldMs = performance.now();
    while (!signal.aborted && !this.#paths.every(({ search }) => search.isOver)) {
      for (const { probes, search } of this.#paths) {
        probes.tick();
        search.tick(engine.clock.monotonicNs());
      }
      if (performance.now() - toldMs >= PROGRESS_MS) {
        toldMs = performance.now();
        yield progress();
      }
      await sleep(TICK_MS);
    }
  }

  /** Of what goes by an address, the node too, where the mesh knows it. */
  namer(): (address: string) => { readonly node?: string } {
    const names = nodesByAddress(this.#context.peers);
    return (address) => {
      const node = names.get(address);
      return node === undefined ? {} : { node };
    };
  }

  [Symbol.dispose](): void {
    for (const { probes } of this.#paths) probes[Symbol.dispose]();
    this.#paths.length = 0;
  }
}
