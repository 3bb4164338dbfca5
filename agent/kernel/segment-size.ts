// How large the segments of a server's TCP connections may be, whatever the path's MTU is believed to be.
import * as C from "./constants.ts";
import * as libc from "./libc.ts";

/**
 * Set on a listening socket, before anybody connects: its connections send, and ask to be sent, at most so many bytes
 * in a segment (tcp(7), TCP_MAXSEG). Throws KernelError.
 */
export function limitSegments(listening: number, bytes: number): void {
  libc.check(
    libc.setsockopt(listening, C.IPPROTO_TCP, C.TCP_MAXSEG, new Int32Array([bytes]), 4),
    "setsockopt",
    `TCP_MAXSEG ${bytes}`,
  );
}
