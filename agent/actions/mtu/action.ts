// mtu: the largest packet that passes to a node, against what the kernel believes, and where larger ones end. What
// `ping -M do -s` in a loop and `tracepath` are for.
import * as z from "zod";
import { LIMITS } from "../../config/limits.ts";
import { KernelError, type Kernel } from "../../kernel/kernel.ts";
import type { IpFamily, Network } from "../../model/peer.ts";
import type { MonotonicNs } from "../../probes/prober.ts";
import { action, type ActionContext } from "../action.ts";
import type { PathProbes } from "../path/path-probes.ts";
import { PATHS_ASKED, PathSearches, type PathSearch } from "../path/path-searches.ts";
import { Ladder } from "./ladder.ts";
import type { HopAt, MtuReport } from "./report.ts";

/** A size that fails costs three of these; a reply that takes longer comes from another continent. */
const TIMEOUT_MS = 700;

export const mtuRequest = z.strictObject(PATHS_ASKED);
export type MtuRequest = z.infer<typeof mtuRequest>;

export interface MtuProgress {
  readonly trying: readonly {
    readonly network: Network;
    readonly family: IpFamily;
    readonly bytes: number;
    readonly tried: number;
  }[];
}

export interface MtuResult {
  readonly paths: readonly MtuReport[];
}

export const mtu = action<MtuRequest, MtuProgress, MtuResult>({
  does: "looks for the largest packet that passes to another node",
  request: mtuRequest,
  caps: { atOnce: 4, inMesh: 16, mustBeGranted: false, seconds: 120 },
  targets: ({ target }) => [target],
  async *run(request, context) {
    using searches = new PathSearches(context, request, {
      action: "mtu",
      probes: { ports: 1, timeoutMs: TIMEOUT_MS, dontFragment: true },
      begin: ({ to, probes, kernel }) => {
        const believedBytes = believed(kernel, to.address, context.config.ports.probe);
        if (believedBytes === undefined) return new MtuSearch(undefined);
        const { smallestBytes } = probes;
        const mostBytes = Math.min(believedBytes, LIMITS.maxPacketBytes);
        const send: PathProbes["send"] = (probe) => probes.send(probe);
        return new MtuSearch(believedBytes, new Ladder({ send, believedBytes: mostBytes, smallestBytes }));
      },
    });
    yield* searches.run(() => progressOf(searches));
    return { paths: reportsOf(searches, request, context) };
  },
});

class MtuSearch implements PathSearch {
  /** Undefined, and no ladder, where the kernel knows no way there. */
  readonly believedBytes: number | undefined;
  readonly ladder: Ladder | undefined;

  constructor(believedBytes: number | undefined, ladder?: Ladder) {
    this.believedBytes = believedBytes;
    this.ladder = ladder;
  }

  get isOver(): boolean {
    return this.ladder?.isOver !== false;
  }

  tick(nowNs: MonotonicNs): void {
    this.ladder?.tick(nowNs);
  }
}

function progressOf({ paths }: PathSearches<MtuSearch>): MtuProgress {
  return {
    trying: paths.flatMap(({ to: { network, family }, search: { ladder } }) =>
      ladder === undefined || ladder.isOver ? [] : [{ network, family, ...ladder.progress }],
    ),
  };
}

function reportsOf(searches: PathSearches<MtuSearch>, { target }: MtuRequest, { self }: ActionContext): MtuReport[] {
  const nodeAt = searches.namer();
  const named = (hop: HopAt | undefined) => hop && { ...hop, ...nodeAt(hop.address) };
  return searches.paths.map(({ to, search: { believedBytes, ladder } }): MtuReport => {
    const { vanishes, told, ...found } = ladder?.report() ?? { steps: [], told: [], isSilent: false };
    const [reached, missed] = [named(vanishes?.reached), named(vanishes?.missed)];
    return {
      from: self.name,
      to: target,
      ...to,
      ...(believedBytes !== undefined && { believedBytes }),
      ...found,
      told: told.map((one) => ({ ...one, ...nodeAt(one.by) })),
      ...(vanishes && { vanishes: { ...(reached && { reached }), ...(missed && { missed }) } }),
    };
  });
}

/** Undefined: no route. */
function believed(kernel: Kernel, address: string, port: number): number | undefined {
  try {
    return kernel.believedMtu(kernel.socketAddress(address, port));
  } catch (err) {
    if (err instanceof KernelError) return undefined;
    throw err;
  }
}
