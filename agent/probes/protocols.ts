// THE table of protocols: how each engine measures it, what must answer at the other end, where its settings are.
// Adding a protocol: its prober, a reflector if it needs one, and a line here.
import type { Config } from "../config/schema.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Clock } from "../base/clock.ts";
import type { IpFamily, Protocol } from "../model/peer.ts";
import { icmpProber } from "./icmp.ts";
import type { ConntrackState } from "./kernel-events.ts";
import type { OutcomeSink, Prober } from "./prober.ts";
import { tcpProber } from "./tcp.ts";
import { udpProber, type UdpProber } from "./udp.ts";

export interface ProbersOptions {
  readonly clock: Clock;
  readonly sink: OutcomeSink;
  readonly config: Pick<Config, Protocol | "ports">;
  readonly families: readonly IpFamily[];
  /** Name of this node. */
  readonly source: string;
  /** This agent's, 16 hex digits. */
  readonly incarnation: string;
  /** For authenticated STAMP. */
  readonly key?: Uint8Array | undefined;
  readonly conntrack: () => ConntrackState;
  /** UDP: number of the first probe of a slot; above all that this incarnation has used. 0 unless given. */
  readonly firstNumber?: number;
}

/** What makes the probers: the kernel engine has a kernel, the userspace engine none. */
export type Engine = { readonly kind: "kernel"; readonly kernel: Kernel } | { readonly kind: "userspace" };

/** Each protocol's own kind of prober; UDP's has more to say of a loss. */
interface Probers {
  readonly icmp: Prober;
  readonly tcp: Prober;
  readonly udp: UdpProber;
}

interface ProtocolEntry<P extends Prober> {
  /** What the peer must run: nothing where its kernel answers. */
  readonly reflector: "none" | "tcp" | "udp";
  kernel(options: ProbersOptions & { readonly kernel: Kernel }): P;
  /** Loaded only when it is this engine's turn. */
  userspace(options: ProbersOptions): Promise<P>;
}

export const PROTOCOL_TABLE: { readonly [P in Protocol]: ProtocolEntry<Probers[P]> } = {
  icmp: {
    reflector: "none",
    kernel: (o) => icmpProber({ ...o, settings: o.config.icmp }),
    userspace: async (o) =>
      (await import("./userspace/icmp.ts")).userspaceIcmpProber({ ...o, settings: o.config.icmp }),
  },
  tcp: {
    reflector: "tcp",
    kernel: (o) => tcpProber({ ...o, settings: { ...o.config.tcp, port: o.config.ports.probe } }),
    userspace: async (o) =>
      (await import("./userspace/tcp.ts")).userspaceTcpProber({
        ...o,
        settings: { ...o.config.tcp, port: o.config.ports.probe },
      }),
  },
  udp: {
    reflector: "udp",
    kernel: (o) => udpProber({ ...o, settings: { ...o.config.udp, port: o.config.ports.probe } }),
    userspace: async (o) =>
      (await import("./userspace/udp.ts")).userspaceUdpProber({
        ...o,
        settings: { ...o.config.udp, port: o.config.ports.probe },
      }),
  },
};

/** A protocol that this machine does not let us measure; the others go on. */
export interface Unavailable {
  readonly protocol: Protocol;
  /** What was tried and what happened. */
  readonly reason: string;
  readonly cure: string;
}

export type OpenedProber<P extends Protocol> = { readonly prober: Probers[P] } | { readonly unavailable: Unavailable };

/** Never rejects for what the machine refuses. */
export async function openProber<P extends Protocol>(
  protocol: P,
  engine: Engine,
  options: ProbersOptions,
): Promise<OpenedProber<P>> {
  const entry: ProtocolEntry<Probers[P]> = PROTOCOL_TABLE[protocol];
  try {
    return {
      prober:
        engine.kind === "kernel" ? entry.kernel({ ...options, kernel: engine.kernel }) : await entry.userspace(options),
    };
  } catch (err) {
    const reason = err instanceof Error ? err.message : String(err);
    return {
      unavailable: {
        protocol,
        reason: `${protocol} by the ${engine.kind} engine: ${reason}`,
        cure: cure(protocol, engine.kind, err),
      },
    };
  }
}

function cure(protocol: Protocol, engine: Engine["kind"], err: unknown): string {
  if (protocol !== "icmp")
    return "stop what holds the port or the descriptors, or switch the protocol off: set its networks to none";
  if (engine === "kernel")
    return "let this group open ICMP sockets (sysctl net.ipv4.ping_group_range), or give CAP_NET_RAW";
  const missing = (err as NodeJS.ErrnoException | undefined)?.code;
  if (missing === "ERR_MODULE_NOT_FOUND" || missing === "MODULE_NOT_FOUND")
    return "install net-ping with raw-socket compiled for this Node.js, or use engine kernel";
  return "give CAP_NET_RAW to this process, or use engine kernel";
}
