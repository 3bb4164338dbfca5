// Fresh probes of everybody by everybody: the agent that is asked has every other one probe its peers, and tells each
// agent's pairs as they come.
import * as z from "zod";
import { asTheyCome } from "../../base/as-they-come.ts";
import type { Node } from "../../model/peer.ts";
import type { PairWindow } from "../../model/snapshot.ts";
import { action, ActionError, type ActionContext } from "../action.ts";
import { OnDemandProbes, slotsOf } from "../probing.ts";
import { SlotTally } from "../tally.ts";

export const sweepRequest = z.strictObject({
  /** Probes of each slot. */
  count: z.int().min(1).max(20).default(3),
  intervalMs: z.int().min(200).max(5_000).default(500),
  timeoutMs: z.int().min(100).max(4_000).default(2_000),
});
export type SweepRequest = z.infer<typeof sweepRequest>;

/** One agent's pairs, the windows made of these probes alone. */
export interface FreshRow {
  readonly source: Node;
  readonly pairs: readonly PairWindow[];
}

export type Swept = { readonly row: FreshRow } | { readonly missing: { readonly node: Node; readonly reason: string } };

export interface SweepResult {
  readonly rows: number;
  readonly missing: number;
}

/** Agents that probe at the same time. */
const AT_ONCE = 128;

/** One agent probes whom its schedule probes. */
export const row = action<SweepRequest, never, FreshRow>({
  does: "probes every peer of this node",
  request: sweepRequest,
  caps: { atOnce: 2, seconds: 60 },
  targets: () => [],
  // eslint-disable-next-line require-yield
  async *run(request, context) {
    return freshRow(request, context);
  },
});

export const sweep = action<SweepRequest, Swept | { readonly agents: number }, SweepResult>({
  does: "has every agent probe every peer",
  request: sweepRequest,
  caps: { atOnce: 1, inMesh: 1, seconds: 300 },
  targets: () => [],
  async *run(request, context) {
    const nodes = [context.self, ...context.peers.map(({ node }) => node)];
    yield { agents: nodes.length };
    const told = { rows: 0, missing: 0 };
    for (let from = 0; from < nodes.length && !context.signal.aborted; from += AT_ONCE) {
      const asked = nodes.slice(from, from + AT_ONCE).map((node) => rowOf(node, request, context));
      for await (const one of asTheyCome(asked)) {
        if ("row" in one) told.rows++;
        else told.missing++;
        yield one;
      }
    }
    return told;
  },
});

/** Never rejects: a row that does not come is told with its reason. */
async function rowOf(node: Node, request: SweepRequest, context: ActionContext): Promise<Swept> {
  try {
    if (node.name === context.self.name) return { row: await freshRow(request, context) };
    for await (const line of context.at(node.name, { action: "row", request })) {
      if (line.kind === "error") throw new ActionError(line.error);
      if (line.kind === "result") return { row: { source: node, pairs: line["pairs"] as readonly PairWindow[] } };
    }
    throw new ActionError("it ended before it was done");
  } catch (err) {
    return { missing: { node, reason: (err as Error).message } };
  }
}

async function freshRow({ count, intervalMs, timeoutMs }: SweepRequest, context: ActionContext): Promise<FreshRow> {
  const plan = { timeoutMs };
  const wanted = slotsOf(
    context,
    context.peers.filter(({ probed }) => probed),
    plan,
  );
  using probes = await OnDemandProbes.open(context, wanted, plan);
  const tallies = probes.slots.map(() => new SlotTally());
  for await (const events of probes.run({ count, intervalMs }, context.signal))
    for (const event of events) tallies[event.slot]!.take(event);
  const pairs = probes.slots.map(({ pair, network, protocol, family, address }, i) => ({
    destination: pair.destination,
    network,
    protocol,
    family,
    address,
    window: tallies[i]!.window,
  }));
  return { source: context.self, pairs };
}
