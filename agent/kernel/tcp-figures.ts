// What the kernel counts of a TCP connection that another part of the program uses (tcp(7), TCP_INFO).
import * as C from "./constants.ts";
import * as libc from "./libc.ts";

// struct tcp_info (uapi/linux/tcp.h): snd_mss 16, rtt 68 (µs), total_retrans 100, min_rtt 148 (µs), data_segs_out 156.
const INFO_BYTES = 160;
const info = new Uint8Array(INFO_BYTES);
const view = new DataView(info.buffer);

export interface KernelTcpFigures {
  readonly segments: number;
  readonly retransmits: number;
  readonly rttNs: number;
  readonly minRttNs: number;
  readonly mssBytes: number;
}

/** Throws KernelError for what is no TCP socket. */
export function tcpFigures(descriptor: number): KernelTcpFigures {
  info.fill(0);
  const length = new Uint32Array([INFO_BYTES]);
  libc.check(libc.getsockopt(descriptor, C.IPPROTO_TCP, C.TCP_INFO, info, length), "getsockopt", "TCP_INFO");
  return {
    segments: view.getUint32(156, true),
    retransmits: view.getUint32(100, true),
    rttNs: view.getUint32(68, true) * 1e3,
    minRttNs: view.getUint32(148, true) * 1e3,
    mssBytes: view.getUint32(16, true),
  };
}
