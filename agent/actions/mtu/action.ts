// mtu: the largest packet that passes to a node, against what the kernel believes, and where larger ones end. What
// `ping -M do -s` in a loop and `tracepath` are for.
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { LIMITS } from "../../config/limits.ts";
import { nodeName } from "../../config/schema.ts";
import { KernelError, type Kernel } from "../../kernel/kernel.ts";
import { IP_FAMILIES, NETWORKS, type IpFamily, type Network } from "../../model/peer.ts";
import { action, type ActionContext } from "../action.ts";
import { PathProbes } from "../path/path-probes.ts";
import { kernelOf, nodesByAddress, pathTargets, type PathTarget } from "../path/targets.ts";
import { Ladder } from "./ladder.ts";
import type { HopAt, MtuReport } from "./report.ts";

/** A size that fails costs three of these; a reply that takes longer comes from another continent. */
const TIMEOUT_MS = 700;
const TICK_MS = 10;
const PROGRESS_MS = 500;

export const mtuRequest = z.strictObject({
  target: nodeName,
  networks: z
    .array(z.enum(NETWORKS))
    .min(1)
    .default([...NETWORKS]),
  families: z.array(z.enum(IP_FAMILIES)).min(1).optional(),
});
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
    using running = new RunningLadders(request, context);
    let toldMs = performance.now();
    while (!context.signal.aborted && !running.isOver) {
      running.tick();
      if (performance.now() - toldMs >= PROGRESS_MS) {
        toldMs = performance.now();
        yield running.progress();
      }
      await sleep(TICK_MS);
    }
    return { paths: running.reports() };
  },
});

interface Running {
  readonly to: PathTarget;
  readonly believedBytes: number | undefined;
  readonly probes: PathProbes;
  /** None where the kernel knows no way there. */
  readonly ladder: Ladder | undefined;
}

/** One search for every network and family, side by side. */
class RunningLadders implements Disposable {
  readonly #request: MtuRequest;
  readonly #context: ActionContext;
  readonly #running: Running[] = [];

  constructor(request: MtuRequest, context: ActionContext) {
    this.#request = request;
    this.#context = context;
    const { engine, key, self, config } = context;
    const kernel = kernelOf(context, "mtu");
    try {
      for (const to of pathTargets(context, request)) {
        const believedBytes = believed(kernel, to.address, config.ports.probe);
        const probes = new PathProbes({
          ...to,
          kernel,
          clock: engine.clock,
          key,
          source: self.name,
          to: { address: to.address, port: config.ports.probe },
          ports: 1,
          timeoutMs: TIMEOUT_MS,
          dontFragment: true,
        });
        const ladder =
          believedBytes === undefined
            ? undefined
            : new Ladder({
                send: (probe) => probes.send(probe),
                believedBytes: Math.min(believedBytes, LIMITS.maxPacketBytes),
                smallestBytes: probes.smallestBytes,
              });
        this.#running.push({ to, believedBytes, probes, ladder });
      }
    } catch (err) {
      this[Symbol.dispose]();
      throw err;
    }
  }

  get isOver(): boolean {
    return this.#running.every(({ ladder }) => ladder?.isOver !== false);
  }

  tick(): void {
    for (const { probes, ladder } of this.#running) {
      probes.tick();
      ladder?.tick(this.#context.engine.clock.monotonicNs());
    }
  }

  progress(): MtuProgress {
    return {
      trying: this.#running.flatMap(({ to: { network, family }, ladder }) =>
        ladder === undefined || ladder.isOver ? [] : [{ network, family, ...ladder.progress }],
      ),
    };
  }

  reports(): MtuReport[] {
    const { self, peers } = this.#context;
    const names = nodesByAddress(peers);
    const nodeAt = (address: string) => {
      const node = names.get(address);
      return node === undefined ? {} : { node };
    };
    const named = (hop: HopAt | undefined) => hop && { ...hop, ...nodeAt(hop.address) };
    return this.#running.map(({ to, believedBytes, ladder }): MtuReport => {
      const { vanishes, told, ...found } = ladder?.report() ?? { steps: [], told: [], isSilent: false };
      const [reached, missed] = [named(vanishes?.reached), named(vanishes?.missed)];
      return {
        from: self.name,
        to: this.#request.target,
        ...to,
        ...(believedBytes !== undefined && { believedBytes }),
        ...found,
        told: told.map((one) => ({ ...one, ...nodeAt(one.by) })),
        ...(vanishes && { vanishes: { ...(reached && { reached }), ...(missed && { missed }) } }),
      };
    });
  }

  [Symbol.dispose](): void {
    for (const { probes } of this.#running) probes[Symbol.dispose]();
    this.#running.length = 0;
  }
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
