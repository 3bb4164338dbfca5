// ICMP echo: the peer's kernel answers.
import * as z from "zod";
import { pairProtocol } from "../descriptor.ts";

export const icmp = pairProtocol({
  defaults: { networks: ["pod", "node"], intervalMs: 1_000, timeoutMs: 800 },
  options: {
    sizeBytes: z
      .int()
      .min(24)
      .max(1_400)
      .default(64)
      .describe("ICMP message: header and payload, without the IP header."),
  },
  kernel: async (options) => (await import("../icmp.ts")).icmpProber(options),
  userspace: async (options) => (await import("../userspace/icmp.ts")).userspaceIcmpProber(options),
  answering: { kind: "kernel" },
  counters: {},
  cure({ engine, code }) {
    if (engine === "kernel")
      return "let this group open ICMP sockets (sysctl net.ipv4.ping_group_range), or give CAP_NET_RAW";
    if (code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND")
      return "install net-ping with raw-socket compiled for this Node.js, or use engine kernel";
    return "give CAP_NET_RAW to this process, or use engine kernel";
  },
  // An IPv4 header; sizeBytes holds the header of ICMP.
  cost: { packets: 2, packetBytes: 20, payload: "sizeBytes" },
  // Echo alone: without neighbour discovery there would be no IPv6 at all.
  onTheWire: { ipv4: { protocol: 1 }, ipv6: { protocol: 58, icmpTypes: [128, 129] } },
});
