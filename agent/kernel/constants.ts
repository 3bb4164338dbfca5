// Numbers of the Linux ABI (x86-64 and arm64 agree on all of these). Sources: uapi/linux/{in,in6,socket,
// net_tstamp,errqueue,tcp}.h and asm-generic/socket.h.

export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const NETLINK_ROUTE = 0;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;
export const IPPROTO_IP = 0;
export const IPPROTO_ICMP = 1;
export const IPPROTO_TCP = 6;
export const IPPROTO_IPV6 = 41;
export const IPPROTO_ICMPV6 = 58;

export const SOL_SOCKET = 1;
export const SO_ERROR = 4;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_LINGER = 13;
export const SO_ATTACH_FILTER = 26;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const SO_TIMESTAMPING = 37;
export const SO_MEMINFO = 55;
/** Index of the drop count in SO_MEMINFO's array of 32-bit words (linux/sock_diag.h). */
export const SK_MEMINFO_DROPS = 8;

/** TX_SOFTWARE | RX_SOFTWARE | SOFTWARE: stamps both ways, and the looped packet itself (no OPT_TSONLY) to match by. */
export const TIMESTAMPING_FLAGS = (1 << 1) | (1 << 3) | (1 << 4);

/** RX_SOFTWARE | SOFTWARE. */
export const RECEIVE_TIMESTAMPING_FLAGS = (1 << 3) | (1 << 4);

export const IP_TTL = 2;
export const IP_PKTINFO = 8;
export const IP_MTU_DISCOVER = 10;
export const IP_RECVERR = 11;
export const IP_RECVTTL = 12;
export const IP_MTU = 14;
export const IPV6_UNICAST_HOPS = 16;
export const IPV6_MTU_DISCOVER = 23;
export const IPV6_MTU = 24;
export const IPV6_RECVERR = 25;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PKTINFO = 50;
export const IPV6_RECVHOPLIMIT = 51;
export const IPV6_HOPLIMIT = 52;
/** Set DF and ignore the learnt path MTU. */
export const PMTUDISC_PROBE = 3;

export const MSG_ERRQUEUE = 0x2000;
export const MSG_DONTWAIT = 0x40;
export const MSG_TRUNC = 0x20;

/** `ee_origin` (linux/errqueue.h). */
export const EE_ORIGIN_LOCAL = 1;
export const EE_ORIGIN_ICMP = 2;
export const EE_ORIGIN_ICMP6 = 3;
export const EE_ORIGIN_TIMESTAMPING = 4;

export const TCP_MAXSEG = 2;
export const TCP_DEFER_ACCEPT = 9;
export const TCP_INFO = 11;
/** `tcpi_state` (net/tcp_states.h). */
export const TCP_ESTABLISHED = 1;
export const TCP_SYN_SENT = 2;
export const TCP_SYN_RECV = 3;

export const CLOCK_REALTIME = 0;
export const CLOCK_MONOTONIC = 1;
