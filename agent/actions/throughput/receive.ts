// receive: the far end of a throughput run, at the agent that is sent to. It is open for the run only, and only for the
// addresses of the node that sends.
import { setTimeout as sleep } from "node:timers/promises";
import { familyOf } from "../../base/ip.ts";
import { NETWORKS } from "../../model/peer.ts";
import { action, ActionError, type ActionContext } from "../action.ts";
import { kernelOf } from "../path/targets.ts";
import { openTcpReceiver, openUdpReceiver, type BulkReceiver, type ReceiverOptions } from "./receiver.ts";
import type { Received } from "./report.ts";
import { MAX_SECONDS, receiveRequest, type ReceiveRequest } from "./request.ts";

export type ReceiveProgress = { readonly listening: number } | { readonly bytes: number };
export interface ReceiveResult {
  readonly received: Received;
}

/** The sender connects, and finishes, within these. */
const SLACK_SECONDS = 20;
/** What came is read so often: sockets hold what comes in between. */
const TICK_MS = 2;
/** How far it is, for the sender's intervals. */
const TOLD_MS = 200;
/** The sender's last word may be lost. */
const SILENT_MS = 2_000;

export const receive = action<ReceiveRequest, ReceiveProgress, ReceiveResult>({
  does: "receives what another node sends in a throughput run",
  request: receiveRequest,
  caps: { atOnce: 1, inMesh: 1, mustBeGranted: false, seconds: MAX_SECONDS + SLACK_SECONDS },
  targets: ({ target }) => [target],
  async *run(request, context) {
    using receiver = opened(request, context);
    yield { listening: receiver.port };
    const startMs = performance.now();
    const untilMs = startMs + (request.seconds + SLACK_SECONDS) * 1_000;
    let [toldMs, bytes, movedMs] = [startMs, 0, Infinity];
    for (;;) {
      receiver.tick();
      const nowMs = performance.now();
      if (receiver.received().bytes > bytes) movedMs = nowMs;
      bytes = receiver.received().bytes;
      const isSilent = nowMs > movedMs + SILENT_MS && nowMs > startMs + request.seconds * 1_000;
      if (receiver.isOver || isSilent || nowMs > untilMs || context.signal.aborted) break;
      if (nowMs >= toldMs + TOLD_MS) {
        toldMs = nowMs;
        yield { bytes };
      }
      await sleep(TICK_MS);
    }
    return { received: receiver.received() };
  },
});

/** TCP comes to the probe port; UDP in bulk would drown the probes there, and has a port of its own. */
function opened(request: ReceiveRequest, context: ActionContext): BulkReceiver {
  const { config, engine, peer } = context;
  const { family, target, protocol } = request;
  const { addresses } = peer(target);
  const options: Omit<ReceiverOptions, "port"> = {
    ...request,
    clock: engine.clock,
    address: config.listen.find((address) => familyOf(address) === family),
    from: NETWORKS.flatMap((network) => addresses[network][family] ?? []),
  };
  if (protocol === "udp")
    return openUdpReceiver({ ...options, port: 0, kernel: kernelOf(context, "throughput by UDP") });
  if (engine.guests === undefined) throw new ActionError("this agent answers no TCP probes");
  return openTcpReceiver({ ...options, port: config.ports.probe, guests: engine.guests });
}
