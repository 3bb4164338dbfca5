// UDP as STAMP (RFC 8762), to the peer's stateful reflector.
import * as z from "zod";
import { LIMITS } from "../../config/limits.ts";
import { LOSS_DIRECTIONS } from "../../model/outcome.ts";
import { IS_TAKEN, pairProtocol } from "../descriptor.ts";

export const udp = pairProtocol({
  defaults: { networks: ["pod"], intervalMs: 5_000, timeoutMs: 2_000 },
  options: {
    sizeBytes: z
      .int()
      .min(512)
      .max(LIMITS.maxPacketBytes)
      .default(512)
      .describe("UDP payload. 512 or more, so that bit errors of long packets show."),
    keyFile: z
      .string()
      .min(1)
      .optional()
      .describe("File with a shared key: STAMP authenticated mode (RFC 8762 §4.2.2, §4.3.2)."),
  },
  kernel: async ({ probePort: port, settings, ...options }) =>
    (await import("../udp.ts")).udpProber({ ...options, settings: { ...settings, port } }),
  userspace: async ({ probePort: port, settings, ...options }) =>
    (await import("../userspace/udp.ts")).userspaceUdpProber({ ...options, settings: { ...settings, port } }),
  answering: {
    kind: "reflector",
    open: async (options) => (await import("../../reflector/udp-reflector.ts")).udpReflector(options),
  },
  counters: {
    directionalLost: {
      name: "internode_directional_lost_total",
      unit: "probes",
      help: "Failed UDP probes by the way they died: forward (on the way there), reverse (on the way back), unknown.",
      label: "direction",
      counts: LOSS_DIRECTIONS,
      createdLater: ["unknown"],
    },
  },
  cure: () => IS_TAKEN,
  // IPv4 and UDP headers.
  cost: { packets: 2, packetBytes: 28, payload: "sizeBytes" },
  onTheWire: { ipv4: { protocol: 17 }, ipv6: { protocol: 17 } },
});
