// UDP without FFI: the same prober, sessions and attribution of loss as the kernel engine's, on node:dgram. ICMP
// errors do not reach an unconnected socket of Node's: what is refused or unreachable looks like a timeout here.
import { udpProber, type UdpProber, type UdpProberOptions } from "../udp.ts";
import { dgramKernel } from "./dgram-kernel.ts";
import { Inbox } from "./inbox.ts";

/**
 * Longer than this without a look at the sockets, and what lies there is read before anything expires. Twice as long as ticks
 * on time are apart (the schedule's LONGEST_TICK_MS for this engine, at most a quarter of the timeout), as nobody looks in between.
 */
const stallNs = (timeoutMs: number): number => Math.min(400, timeoutMs / 2) * 1e6;

export function userspaceUdpProber(options: Omit<UdpProberOptions, "kernel">): UdpProber {
  const { clock, settings } = options;
  const inbox = new Inbox(clock);
  const longestNs = stallNs(settings.timeoutMs);
  const stalled = () => clock.monotonicNs() - inbox.completeNs > longestNs;
  const kernel = dgramKernel(clock, () => {
    inbox.passed();
    // Read after a stall: it came some time before now. That it came is certain, its delay is not.
    return stalled() ? Number.NEGATIVE_INFINITY : clock.realtimeNs();
  });
  const prober = udpProber({ ...options, kernel });
  let waited = false;
  return {
    protocol: "udp",
    open: (slot) => prober.open(slot),
    close: (slot) => prober.close(slot),
    send: (due) => prober.send(due),
    drain() {
      // A stopped process finds its tick before its sockets: it waits one turn, once, so that they are read.
      waited = !waited && stalled();
      inbox.deliver();
      if (!waited) prober.drain();
    },
    expire() {
      if (!waited) prober.expire();
    },
    get outstanding() {
      return prober.outstanding;
    },
    mostAtOnce: prober.mostAtOnce,
    socketDrops: () => prober.socketDrops(),
    wantingPeerRow: () => prober.wantingPeerRow(),
    peerReported: (slot, report) => prober.peerReported(slot, report),
    [Symbol.dispose]: () => prober[Symbol.dispose](),
  };
}
