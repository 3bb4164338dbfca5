// /proc/net/{tcp,tcp6,udp,udp6}: a socket a line (Documentation/networking/proc_net_tcp.rst). Pure.
import { ipFromBytes, unmapped } from "../base/ip.ts";
import { worded } from "./netlink/attributes.ts";
import type { Socket } from "../model/node-view.ts";

export const SOCKET_FILES = [
  { path: "/proc/net/tcp", protocol: "tcp", family: "ipv4" },
  { path: "/proc/net/tcp6", protocol: "tcp", family: "ipv6" },
  { path: "/proc/net/udp", protocol: "udp", family: "ipv4" },
  { path: "/proc/net/udp6", protocol: "udp", family: "ipv6" },
] as const;
export type SocketFile = (typeof SOCKET_FILES)[number];

/** include/net/tcp_states.h */
const TCP_STATES: Readonly<Record<number, string>> = {
  1: "established",
  2: "syn-sent",
  3: "syn-received",
  4: "fin-wait-1",
  5: "fin-wait-2",
  6: "time-wait",
  7: "closed",
  8: "close-wait",
  9: "last-ack",
  10: "listen",
  11: "closing",
  12: "syn-received",
};
const UDP_STATES: Readonly<Record<number, string>> = { 1: "connected", 7: "open" };

/** Whether it waits for whoever comes, and is no conversation with somebody. */
export const isOpen = ({ state }: Pick<Socket, "state">): boolean => state === "listen" || state === "open";

/** Undefined for the heading, and for what is no such line. */
export function parseSocket(
  line: string,
  { protocol, family }: Pick<SocketFile, "protocol" | "family">,
): Socket | undefined {
  const words = line.trim().split(/\s+/);
  const [local, remote] = [endOf(words[1]), endOf(words[2])];
  const state = Number.parseInt(words[3] ?? "", 16);
  const [sendQueue, receiveQueue] = (words[4] ?? "").split(":").map((word) => Number.parseInt(word, 16));
  if (!local || !remote || Number.isNaN(state) || receiveQueue === undefined) return undefined;
  const drops = protocol === "udp" ? Number(words[12] ?? Number.NaN) : Number.NaN;
  return {
    protocol,
    family,
    state: worded(protocol === "tcp" ? TCP_STATES : UDP_STATES, state),
    local,
    ...(remote.port !== 0 && { remote }),
    receiveQueue,
    sendQueue: sendQueue!,
    ...(drops >= 0 && { drops }),
  };
}

/** `0100007F:1F90`: words of 32 bits in the machine's order, and the port. */
function endOf(text: string | undefined): Socket["local"] | undefined {
  const [hex = "", port = ""] = text?.split(":") ?? [];
  if (!/^([0-9A-F]{8}|[0-9A-F]{32})$/i.test(hex) || !/^[0-9A-F]{4}$/i.test(port)) return undefined;
  const bytes: number[] = [];
  for (let word = 0; word < hex.length; word += 8)
    for (let at = word + 6; at >= word; at -= 2) bytes.push(Number.parseInt(hex.slice(at, at + 2), 16));
  return { address: unmapped(ipFromBytes(bytes)).text, port: Number.parseInt(port, 16) };
}
