// trace: the routers on the way to a node, what each of them and the node itself answers, by source port. What
// `traceroute` and `mtr` are for, without a right, and with every port on a way of its own where routers share traffic.
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { nodeName } from "../../config/schema.ts";
import { IP_FAMILIES, NETWORKS, type IpFamily, type Network } from "../../model/peer.ts";
import { action, type ActionContext } from "../action.ts";
import { PathProbes } from "../path/path-probes.ts";
import { kernelOf, nodesByAddress, pathTargets, type PathTarget } from "../path/targets.ts";
import type { TraceReport } from "./report.ts";
import { Trace } from "./trace.ts";

/** A run ends by itself within this. */
const LONGEST_MS = 100_000;
const MAX_HOPS = 30;
const TIMEOUT_MS = 1_000;
/** Longer than a tick is: nothing depends on it, since the kernel stamps what comes and goes. */
const TICK_MS = 10;
const PROGRESS_MS = 500;

export const traceRequest = z
  .strictObject({
    target: nodeName,
    networks: z
      .array(z.enum(NETWORKS))
      .min(1)
      .default([...NETWORKS]),
    families: z.array(z.enum(IP_FAMILIES)).min(1).optional(),
    /** Source ports. */
    ports: z.int().min(1).max(32).default(8),
    /** Probes of each hop from each port. */
    count: z.int().min(1).max(20).default(1),
    /** Between two probes of a hop: Linux sends one such error a second to one address, after a burst of 6. */
    intervalMs: z.int().min(200).max(5_000).default(1_000),
  })
  .refine(({ ports, count, intervalMs }) => ports * count * intervalMs <= LONGEST_MS, {
    error: ({ input }) => {
      const { ports, count, intervalMs } = input as { ports: number; count: number; intervalMs: number };
      return `${ports} ports × ${count} probes × ${intervalMs} ms take longer than ${LONGEST_MS / 1_000} s: ask for fewer`;
    },
  });
export type TraceRequest = z.infer<typeof traceRequest>;

export interface TraceProgress {
  /** Of all probes of this run, as far as is known. */
  readonly sent: number;
  readonly of: number;
  /** Hops that have answered so far. */
  readonly hops: readonly { readonly network: Network; readonly family: IpFamily; readonly known: number }[];
}

export interface TraceResult {
  readonly traces: readonly TraceReport[];
}

export const trace = action<TraceRequest, TraceProgress, TraceResult>({
  does: "traces the path to another node",
  request: traceRequest,
  caps: { atOnce: 4, inMesh: 16, mustBeGranted: false, seconds: 120 },
  targets: ({ target }) => [target],
  async *run(request, context) {
    using running = new RunningTraces(request, context);
    let toldMs = performance.now();
    while (!context.signal.aborted && !running.isOver) {
      running.tick();
      if (performance.now() - toldMs >= PROGRESS_MS) {
        toldMs = performance.now();
        yield running.progress();
      }
      await sleep(TICK_MS);
    }
    return { traces: running.reports() };
  },
});

interface Running {
  readonly to: PathTarget;
  readonly probes: PathProbes;
  readonly trace: Trace;
}

/** One trace for every network and family, side by side. */
class RunningTraces implements Disposable {
  readonly #request: TraceRequest;
  readonly #context: ActionContext;
  readonly #running: Running[] = [];

  constructor(request: TraceRequest, context: ActionContext) {
    this.#request = request;
    this.#context = context;
    const { engine, key, self, config } = context;
    const kernel = kernelOf(context, "trace");
    try {
      for (const to of pathTargets(context, request)) {
        const probes = new PathProbes({
          ...to,
          kernel,
          clock: engine.clock,
          key,
          source: self.name,
          to: { address: to.address, port: config.ports.probe },
          ports: request.ports,
          timeoutMs: TIMEOUT_MS,
        });
        const trace = new Trace({ ...request, maxHops: MAX_HOPS }, (probe) => probes.send(probe));
        this.#running.push({ to, probes, trace });
      }
    } catch (err) {
      this[Symbol.dispose]();
      throw err;
    }
  }

  get isOver(): boolean {
    return this.#running.every(({ trace }) => trace.isOver);
  }

  tick(): void {
    for (const { probes, trace } of this.#running) {
      probes.tick();
      trace.tick(this.#context.engine.clock.monotonicNs());
    }
  }

  progress(): TraceProgress {
    const all = this.#running.map(({ trace }) => trace.progress);
    return {
      sent: all.reduce((sum, { sent }) => sum + sent, 0),
      of: all.reduce((sum, { of }) => sum + of, 0),
      hops: this.#running.map(({ to: { network, family }, trace }) => ({
        network,
        family,
        known: trace.report().hops.filter(({ answered }) => answered > 0).length,
      })),
    };
  }

  reports(): TraceReport[] {
    const { self, peers, config } = this.#context;
    const names = nodesByAddress(peers);
    const named = <T extends object>(part: T, address: string): T => {
      const node = names.get(address);
      return node === undefined ? part : { ...part, node };
    };
    return this.#running.map(({ to, probes, trace }): TraceReport => {
      const report = trace.report();
      return {
        from: self.name,
        to: this.#request.target,
        ...to,
        targetPort: config.ports.probe,
        sourcePorts: probes.sourcePorts,
        ...report,
        hops: report.hops.map((hop) => ({
          ...hop,
          routers: hop.routers.map((router) => named(router, router.address)),
        })),
        refusals: report.refusals.map((refusal) => named(refusal, refusal.by)),
      };
    });
  }

  [Symbol.dispose](): void {
    for (const { probes } of this.#running) probes[Symbol.dispose]();
    this.#running.length = 0;
  }
}
