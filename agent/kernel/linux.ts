// The real kernel: every FFI call of the agent goes through what this file hands out.
import type { Clock } from "../base/clock.ts";
import type { IpFamily } from "../model/peer.ts";
import * as C from "./constants.ts";
import type { Kernel } from "./kernel.ts";
import * as libc from "./libc.ts";
import { LinuxPacketBatch } from "./packet-batch.ts";
import { getInt, openIcmp, openUdp } from "./packet-socket.ts";
import { socketAddress, socketAddressLength } from "./socket-address.ts";
import { beginHandshake } from "./tcp-handshake.ts";

export function openLinuxKernel(clock: Clock): Kernel {
  const handshakeErrors = new LinuxPacketBatch(clock, 4, 256);
  return {
    socketAddress,
    createBatch: (capacity, packetBytes) => new LinuxPacketBatch(clock, capacity, packetBytes),
    openIcmp,
    openUdp,
    connect: (to, options) => beginHandshake(to, handshakeErrors, options?.from),
    believedMtu: (to) => believedMtu(to[0] === C.AF_INET ? "ipv4" : "ipv6", to),
    errnoName: libc.errnoName,
  };
}

/** A UDP connect sends nothing: it only looks the route up. */
function believedMtu(family: IpFamily, to: Uint8Array): number {
  const ipv4 = family === "ipv4";
  const fd = libc.check(
    libc.socket(ipv4 ? C.AF_INET : C.AF_INET6, C.SOCK_DGRAM | C.SOCK_CLOEXEC, 0),
    "socket",
    "path MTU lookup",
  );
  try {
    libc.check(libc.connect(fd, to, socketAddressLength(to)), "connect", "path MTU lookup");
    return ipv4 ? getInt(fd, C.IPPROTO_IP, C.IP_MTU) : getInt(fd, C.IPPROTO_IPV6, C.IPV6_MTU);
  } finally {
    libc.close(fd);
  }
}
