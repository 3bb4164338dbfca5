// TCP: a handshake with the peer's probe port.
import { IS_TAKEN, pairProtocol } from "../descriptor.ts";

export const tcp = pairProtocol({
  defaults: { networks: ["pod"], intervalMs: 5_000, timeoutMs: 4_000 },
  options: {},
  kernel: async ({ probePort: port, settings, ...options }) =>
    (await import("../tcp.ts")).tcpProber({ ...options, settings: { ...settings, port } }),
  userspace: async ({ probePort: port, settings, ...options }) =>
    (await import("../userspace/tcp.ts")).userspaceTcpProber({ ...options, settings: { ...settings, port } }),
  answering: {
    kind: "responder",
    open: async (options) => (await import("../../reflector/tcp-responder.ts")).tcpResponder(options),
  },
  counters: {
    synRetransmits: {
      name: "internode_tcp_syn_retransmits_total",
      unit: "packets",
      help: "SYNs that the kernel had to send again. A loss ratio of TCP adds them to the failures and to the probes.",
      counts: ["retransmits"],
    },
  },
  cure: () => IS_TAKEN,
  // SYN, SYN-ACK, ACK, RST: 212 bytes together.
  cost: { packets: 4, packetBytes: 53 },
  onTheWire: { ipv4: { protocol: 6 }, ipv6: { protocol: 6 } },
});
