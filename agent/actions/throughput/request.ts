// What a throughput run can be asked for, and what it may cost at most.
import * as z from "zod";
import { nodeName } from "../../config/schema.ts";
import { LIMITS } from "../../config/limits.ts";
import { IP_FAMILIES, NETWORKS } from "../../model/peer.ts";
import { BULK_HEADER_BYTES, SESSION_HEX } from "../../wire/throughput.ts";

export const BULK_PROTOCOLS = ["tcp", "udp"] as const;
export type BulkProtocol = (typeof BULK_PROTOCOLS)[number];

export const MAX_SECONDS = 60;
export const MAX_STREAMS = 16;
/** No faster, whatever the path carries: what a run costs can be said before it begins. */
export const MAX_RATE_MBPS = 10_000;
/** TCP finds the path's rate by itself; UDP goes on whatever is lost, so it begins low. */
export const DEFAULT_RATE_MBPS: Readonly<Record<BulkProtocol, number>> = { tcp: MAX_RATE_MBPS, udp: 100 };
export const DEFAULT_MESSAGE_BYTES = 128 * 1024;
const MAX_MESSAGE_BYTES = 1024 * 1024;

const common = {
  protocol: z.enum(BULK_PROTOCOLS).default("tcp"),
  seconds: z.int().min(1).max(MAX_SECONDS).default(5),
  streams: z.int().min(1).max(MAX_STREAMS).default(1),
};

export const throughputRequest = z
  .strictObject({
    ...common,
    target: nodeName,
    /** One after the other; all that the agents answer on unless given. */
    networks: z.array(z.enum(NETWORKS)).min(1).optional(),
    family: z.enum(IP_FAMILIES).optional(),
    /** TCP: bytes of each write. UDP: payload of each packet, as large as the path carries unless given. */
    messageBytes: z.int().min(BULK_HEADER_BYTES).max(MAX_MESSAGE_BYTES).optional(),
    rateMbps: z.number().min(0.1).max(MAX_RATE_MBPS).optional(),
  })
  .refine(({ protocol, messageBytes = 0 }) => protocol === "tcp" || messageBytes <= LIMITS.maxPacketBytes - 48, {
    error: `a UDP message has at most ${LIMITS.maxPacketBytes - 48} bytes`,
    path: ["messageBytes"],
  });
export type ThroughputRequest = z.infer<typeof throughputRequest>;

/** Of the agent that receives. */
export const receiveRequest = z.strictObject({
  ...common,
  /** The node that sends: nobody else is listened to. */
  target: nodeName,
  session: z.string().regex(SESSION_HEX),
  family: z.enum(IP_FAMILIES),
  /** UDP: payload of each packet. */
  messageBytes: z.int().min(BULK_HEADER_BYTES).max(MAX_MESSAGE_BYTES),
});
export type ReceiveRequest = z.infer<typeof receiveRequest>;

/** What a run sends at most, in bytes of payload. */
export function mostBytes(run: {
  readonly protocol: BulkProtocol;
  readonly seconds: number;
  readonly networks: number;
  readonly rateMbps?: number | undefined;
}): number {
  return ((run.rateMbps ?? DEFAULT_RATE_MBPS[run.protocol]) * 1e6 * run.seconds * run.networks) / 8;
}
