// Answers pings as no kernel would: late, twice, damaged, from another address. Its namespace's own answers are off.
import { createRequire } from "node:module";
import type { VethPair } from "../support/veth.ts";

/** The little of raw-socket that this needs. */
interface RawSocket {
  on(event: "message", listener: (packet: Buffer, source: string) => void): void;
  send(buffer: Buffer, offset: number, length: number, address: string, done: () => void): void;
  close(): void;
}
interface RawSockets {
  readonly Protocol: { readonly ICMP: number };
  createSocket(options: { readonly protocol: number }): RawSocket;
  createChecksum(buffer: Buffer): number;
}

export type Contrariness = "late" | "duplicate" | "corrupt";

export interface ContraryEchoOptions {
  readonly kind: Contrariness;
  readonly lateByMs: number;
  /** Run what opens a socket in the far namespace. */
  readonly far: <T>(open: () => T) => T;
}

export function contraryEcho(pair: VethPair, { kind, lateByMs, far }: ContraryEchoOptions): Disposable {
  const raw = createRequire(import.meta.url)("raw-socket") as RawSockets;
  pair.run(pair.far, "sysctl", "-qw", "net.ipv4.icmp_echo_ignore_all=1");
  const socket = far(() => raw.createSocket({ protocol: raw.Protocol.ICMP }));
  let closed = false;
  socket.on("message", (packet, source) => {
    const reply = Buffer.from(packet.subarray((packet[0]! & 0x0f) * 4));
    if (reply[0] !== 8) return;
    reply[0] = 0;
    if (kind === "corrupt") reply[reply.length - 1]! ^= 1;
    reply.writeUInt16BE(0, 2);
    reply.writeUInt16BE(raw.createChecksum(reply), 2);
    const answer = () => closed || socket.send(reply, 0, reply.length, source, () => undefined);
    if (kind === "late") setTimeout(answer, lateByMs);
    else answer();
    if (kind === "duplicate") setTimeout(answer, 20);
  });
  return {
    [Symbol.dispose]() {
      closed = true;
      socket.close();
    },
  };
}
