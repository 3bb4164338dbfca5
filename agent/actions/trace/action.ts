// trace: the routers on the way to a node, what each of them and the node itself answers, by source port. What
// `traceroute` and `mtr` are for, without a right, and with every port on a way of its own where routers share traffic.
import * as z from "zod";
import type { IpFamily, Network } from "../../model/peer.ts";
import { action, type ActionContext } from "../action.ts";
import { PATHS_ASKED, PathSearches } from "../path/path-searches.ts";
import type { TraceReport } from "./report.ts";
import { Trace } from "./trace.ts";

/** A run ends by itself within this. */
const LONGEST_MS = 100_000;
const MAX_HOPS = 30;
const TIMEOUT_MS = 1_000;

export const traceRequest = z
  .strictObject({
    ...PATHS_ASKED,
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
    const { ports } = request;
    using searches = new PathSearches(context, request, {
      action: "trace",
      probes: { ports, timeoutMs: TIMEOUT_MS },
      begin: ({ probes }) => new Trace({ ...request, maxHops: MAX_HOPS }, (probe) => probes.send(probe)),
    });
    yield* searches.run(() => progressOf(searches));
    return { traces: reportsOf(searches, request, context) };
  },
});

function progressOf({ paths }: PathSearches<Trace>): TraceProgress {
  const all = paths.map(({ search }) => search.progress);
  return {
    sent: all.reduce((sum, { sent }) => sum + sent, 0),
    of: all.reduce((sum, { of }) => sum + of, 0),
    hops: paths.map(({ to: { network, family }, search }) => ({
      network,
      family,
      known: search.report().hops.filter(({ answered }) => answered > 0).length,
    })),
  };
}

function reportsOf(
  searches: PathSearches<Trace>,
  { target }: TraceRequest,
  { self, config }: ActionContext,
): TraceReport[] {
  const nodeAt = searches.namer();
  return searches.paths.map(({ to, probes, search }): TraceReport => {
    const report = search.report();
    return {
      from: self.name,
      to: target,
      ...to,
      targetPort: config.ports.probe,
      sourcePorts: probes.sourcePorts,
      ...report,
      hops: report.hops.map((hop) => ({
        ...hop,
        routers: hop.routers.map((router) => ({ ...router, ...nodeAt(router.address) })),
      })),
      refusals: report.refusals.map((refusal) => ({ ...refusal, ...nodeAt(refusal.by) })),
    };
  });
}
