// What measuring stands on: the kernel by FFI, or Node.js alone.
import type { Clock } from "../base/clock.ts";
import type { RouteTables } from "../kernel/netlink.ts";
import type { KernelTcpFigures } from "../kernel/tcp-figures.ts";
import type { Config } from "../config/schema.ts";
import type { Engine } from "../probes/protocols.ts";
import { TcpGuests } from "../reflector/tcp-guests.ts";
import type { UdpReflectorOptions } from "../reflector/udp-reflector.ts";

export interface OpenedEngine {
  readonly clock: Clock;
  readonly kernel: UdpReflectorOptions["kernel"];
  readonly engine: Engine;
  /** Who waits for connections to the probe port that are no probes. */
  readonly guests?: TcpGuests;
  /** Lets a TCP socket send segments that every path carries; only with FFI. */
  readonly smallSegments?: (descriptor: number) => void;
  /** Lets the kernel alone answer handshakes that are reset; only with FFI. */
  readonly deferAccept?: (descriptor: number) => void;
  /** Asks the kernel for its routes, neighbours …; only with FFI. */
  readonly openTables?: () => RouteTables;
  /** What the kernel counts of a TCP connection; only with FFI. */
  readonly tcpFigures?: (descriptor: number) => KernelTcpFigures;
}

/** What every path carries: the segment of a packet of 576 bytes (RFC 9293 §3.7.1). */
const SEGMENT_BYTES = 536;

/** The kernel engine loads FFI, the userspace one never does: it also runs where koffi has no binary. */
export async function openEngine(name: Config["engine"]): Promise<OpenedEngine> {
  switch (name) {
    case "kernel":
      return openKernelEngine().catch((err: unknown) => {
        throw new Error(
          `the kernel engine cannot be loaded on this ${process.platform} (${process.arch}): ${err instanceof Error ? err.message : String(err)}. It needs Linux with the GNU C library; elsewhere set engine to userspace (--engine userspace)`,
          { cause: err },
        );
      });
    case "userspace": {
      const [{ userspaceClock }, { dgramKernel }] = await Promise.all([
        import("../probes/userspace/clock.ts"),
        import("../probes/userspace/dgram-kernel.ts"),
      ]);
      const clock = userspaceClock();
      return { clock, kernel: dgramKernel(clock), engine: { kind: "userspace" }, guests: new TcpGuests() };
    }
  }
}

async function openKernelEngine(): Promise<OpenedEngine> {
  const [{ systemClock }, { openLinuxKernel }, { deferAccept, limitSegments }, { RouteTables }, { tcpFigures }] =
    await Promise.all([
      import("../kernel/clock.ts"),
      import("../kernel/linux.ts"),
      import("../kernel/listening-socket.ts"),
      import("../kernel/netlink.ts"),
      import("../kernel/tcp-figures.ts"),
    ]);
  const clock = systemClock();
  const kernel = openLinuxKernel(clock);
  const smallSegments = (descriptor: number) => limitSegments(descriptor, SEGMENT_BYTES);
  return {
    clock,
    kernel,
    engine: { kind: "kernel", kernel },
    smallSegments,
    deferAccept,
    openTables: () => new RouteTables(),
    tcpFigures,
    guests: new TcpGuests(),
  };
}
