// What is set on a TCP socket that another part of the program listens on.
import * as C from "./constants.ts";
import * as libc from "./libc.ts";

/**
 * Set on a listening socket, before anybody connects: its connections send, and ask to be sent, at most so many bytes
 * in a segment (tcp(7), TCP_MAXSEG). Throws KernelError.
 */
export function limitSegments(listening: number, bytes: number): void {
  set(listening, C.TCP_MAXSEG, bytes, "TCP_MAXSEG");
}

/**
 * Set on a listening socket: the kernel completes handshakes and tells of a connection only when data or an end comes
 * (tcp(7), TCP_DEFER_ACCEPT). One that is reset before is nobody's work. Throws KernelError.
 */
export function deferAccept(listening: number): void {
  // Seconds; the kernel rounds them to one SYN-ACK that is sent again.
  set(listening, C.TCP_DEFER_ACCEPT, 1, "TCP_DEFER_ACCEPT");
}

function set(listening: number, name: number, value: number, what: string): void {
  libc.check(
    libc.setsockopt(listening, C.IPPROTO_TCP, name, new Int32Array([value]), 4),
    "setsockopt",
    `${what} ${value}`,
  );
}
