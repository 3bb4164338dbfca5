// A non-blocking TCP handshake, watched through TCP_INFO and closed by a reset.
import * as C from "./constants.ts";
import type { IcmpError, SocketAddress, TcpHandshake, TcpProgress } from "./kernel.ts";
import * as libc from "./libc.ts";
import type { LinuxPacketBatch } from "./packet-batch.ts";
import { getInt } from "./packet-socket.ts";
import { socketAddress, socketAddressLength } from "./socket-address.ts";

// struct tcp_info (uapi/linux/tcp.h): state 0, last_ack_recv 56 (ms), rtt 68 (µs), total_retrans 100.
const TCP_INFO_BYTES = 104;
const info = new Uint8Array(TCP_INFO_BYTES);
const infoView = new DataView(info.buffer);
const length = new Uint32Array(1);
/** struct linger { on, seconds }: close with a reset. */
const LINGER_RESET = new Int32Array([1, 0]);
const ON = new Int32Array([1]);
const EINPROGRESS = "EINPROGRESS";
/** A handshake sends a few SYNs: nobody has more errors to tell. */
const MAX_ERROR_BATCHES = 16;

export function beginHandshake(
  to: SocketAddress,
  errors: LinuxPacketBatch,
  from?: string,
): TcpHandshake | { errno: string } {
  const ipv6 = to[0] === C.AF_INET6;
  const fd = libc.socket(
    ipv6 ? C.AF_INET6 : C.AF_INET,
    C.SOCK_STREAM | C.SOCK_NONBLOCK | C.SOCK_CLOEXEC,
    C.IPPROTO_TCP,
  );
  if (fd < 0) return { errno: libc.errnoName(libc.lastErrno()) };
  const refuse = () => {
    const errno = libc.errnoName(libc.lastErrno());
    libc.close(fd);
    return { errno };
  };
  if (libc.setsockopt(fd, C.SOL_SOCKET, C.SO_LINGER, LINGER_RESET, 8) < 0) return refuse();
  // The error queue tells the ICMP code, which the errno alone does not.
  if (libc.setsockopt(fd, ipv6 ? C.IPPROTO_IPV6 : C.IPPROTO_IP, ipv6 ? C.IPV6_RECVERR : C.IP_RECVERR, ON, 4) < 0)
    return refuse();
  if (from !== undefined && libc.bindSocket(fd, socketAddress(from, 0), socketAddressLength(to)) < 0) return refuse();
  if (libc.connect(fd, to, socketAddressLength(to)) < 0 && libc.errnoName(libc.lastErrno()) !== EINPROGRESS)
    return refuse();
  return new LinuxTcpHandshake(fd, to, errors);
}

class LinuxTcpHandshake implements TcpHandshake {
  readonly #fd: number;
  readonly #to: SocketAddress;
  readonly #errors: LinuxPacketBatch;
  #closed = false;

  constructor(fd: number, to: SocketAddress, errors: LinuxPacketBatch) {
    this.#fd = fd;
    this.#to = to;
    this.#errors = errors;
  }

  poll(): TcpProgress {
    length[0] = TCP_INFO_BYTES;
    libc.check(libc.getsockopt(this.#fd, C.IPPROTO_TCP, C.TCP_INFO, info, length), "getsockopt", "TCP_INFO");
    const retransmits = infoView.getUint32(100, true);
    const rttNs = infoView.getUint32(68, true) * 1000;
    const established = {
      state: "established",
      retransmits,
      rttNs,
      answeredAgoMs: infoView.getUint32(56, true),
    } as const;
    switch (info[0]) {
      case C.TCP_SYN_SENT:
      case C.TCP_SYN_RECV: {
        // An ICMP error that comes while connect() still holds the socket is noted only (sk_err_soft, tcp_v4_err).
        const errno = this.#pendingErrno();
        return errno === undefined ? { state: "connecting", retransmits } : this.#failed(errno, retransmits);
      }
      case C.TCP_ESTABLISHED:
        return established;
      default: {
        // The peer may have closed, or reset, what it had answered before: a delay was measured then.
        const errno = this.#pendingErrno();
        return errno === undefined || rttNs > 0 ? established : this.#failed(errno, retransmits);
      }
    }
  }

  #pendingErrno(): string | undefined {
    const pending = getInt(this.#fd, C.SOL_SOCKET, C.SO_ERROR);
    return pending === 0 ? undefined : libc.errnoName(pending);
  }

  #failed(errno: string, retransmits: number): TcpProgress {
    const icmp = this.#lastIcmpError();
    return { state: "closed", retransmits, errno, ...(icmp && { icmp }) };
  }

  /** The newest is what ended it: those before it (packet too big, say) did not. A reset leaves none. */
  #lastIcmpError(): IcmpError | undefined {
    let last: IcmpError | undefined;
    for (let batches = 0; batches < MAX_ERROR_BATCHES; batches++) {
      this.#errors.armForReceive(false);
      const queued = libc.recvmmsg(
        this.#fd,
        this.#errors.headers,
        this.#errors.capacity,
        C.MSG_DONTWAIT | C.MSG_ERRQUEUE,
        0,
      );
      this.#errors.filled(Math.max(0, queued));
      if (queued <= 0) break;
      for (let i = 0; i < queued; i++) {
        if (this.#errors.origin(i) !== "icmp") continue;
        const { type, code } = this.#errors.icmp(i);
        last = { type, code, fromTarget: this.#errors.isErrorOf(i, this.#to) };
      }
    }
    return last;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    libc.close(this.#fd);
  }
}
