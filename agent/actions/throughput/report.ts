// What a throughput run measured, as the agent tells it and the command line shows it. All bytes are payload.
import type { IpFamily, Network } from "../../model/peer.ts";
import type { BulkProtocol } from "./request.ts";

/** Of TCP streams, from TCP_INFO; absent where the agent has no FFI. */
export interface TcpFigures {
  readonly segments: number;
  readonly retransmits: number;
  /** Smoothed, while the path is full. */
  readonly rttNs: number;
  readonly minRttNs: number;
  /** Largest segment. */
  readonly mssBytes: number;
}

export interface Sent {
  readonly bytes: number;
  readonly seconds: number;
  /** UDP. */
  readonly packets?: number;
  /** UDP: packets that our own kernel would not take. */
  readonly unsent?: number;
  readonly tcp?: TcpFigures;
}

export interface Received {
  readonly bytes: number;
  /** From the first byte to the last. */
  readonly seconds: number;
  readonly udp?: UdpFigures;
}

export interface UdpFigures {
  /** Once each. */
  readonly packets: number;
  readonly duplicates: number;
  readonly reordered: number;
  /** RFC 3550 §6.4.1, the largest of all streams. */
  readonly jitterNs: number;
  /** Dropped by the receiving kernel for want of room in the socket: lost, but not on the way. */
  readonly socketDrops: number;
}

/** One second. */
export interface Interval {
  readonly second: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** TCP. */
  readonly retransmits?: number;
}

export interface ThroughputReport {
  readonly from: string;
  readonly to: string;
  readonly network: Network;
  readonly family: IpFamily;
  readonly address: string;
  readonly port: number;
  readonly protocol: BulkProtocol;
  readonly seconds: number;
  readonly streams: number;
  readonly messageBytes: number;
  readonly rateMbps: number;
  readonly intervals: readonly Interval[];
  readonly sent?: Sent;
  readonly received?: Received;
  /** UDP: of what was sent. */
  readonly lost?: number;
  /** Why there are no figures, with the cure. */
  readonly failed?: string;
}

export const bitsPerSecond = ({ bytes, seconds }: { readonly bytes: number; readonly seconds: number }): number =>
  seconds > 0 ? (bytes * 8) / seconds : 0;
