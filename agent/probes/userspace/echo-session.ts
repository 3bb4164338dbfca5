// net-ping's session, with what it leaves out: our own packet (a nonce, a checked pattern), a stamp right at the
// system call, and every packet of the raw socket shown, not only those net-ping takes for answers. Loaded lazily:
// the package is optional, and needs raw rights.
import { randomInt } from "node:crypto";
import type { Session } from "net-ping";
import type { IpFamily } from "../../model/peer.ts";

export interface EchoSessionOptions {
  readonly family: IpFamily;
  readonly sizeBytes: number;
  /** net-ping forgets a request after this long; later than we do. */
  readonly forgetAfterMs: number;
  /** Write the request with this sequence number. */
  readonly encode: (into: Uint8Array, sequence: number) => void;
  readonly onSending: (sequence: number) => void;
  readonly onSendError: (sequence: number, error: Error) => void;
  /** An ICMP message, without an IP header. */
  readonly onMessage: (message: Uint8Array, source: string) => void;
}

export interface EchoSession extends Disposable {
  readonly identifier: number;
  /** Begin an echo. Returns its sequence number, or undefined when none of the 65,535 is free. */
  ping(address: string): number | undefined;
  /** The sequence number may be used again. */
  forget(sequence: number): void;
}

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
/** A raw socket gets all ICMP of its network namespace, and Node reads one packet a turn. */
const RECEIVE_BUFFER_BYTES = 4 << 20;

/** Throws when net-ping is not installed, or its raw socket may not be opened. */
export async function openEchoSession(options: EchoSessionOptions): Promise<EchoSession> {
  const { NetworkProtocol, Session } = (await import("net-ping")).default;
  const ipv4 = options.family === "ipv4";
  // The package's own default is the process id, which is 1 in every container.
  const identifier = randomInt(1, 0xffff);
  let begun: number | undefined;

  class OurSession extends Session {
    override toBuffer(request: { readonly id: number }): Buffer {
      begun = request.id;
      const packet = Buffer.alloc(options.sizeBytes);
      options.encode(packet, request.id);
      return packet;
    }
    override onBeforeSocketSend(request: { readonly id: number }): void {
      options.onSending(request.id);
    }
    override onSocketMessage(packet: Buffer, source: string): void {
      // IPv4 comes with its IP header on a raw socket; IPv6 never does (RFC 3542 §3).
      const headerBytes = ipv4 ? (packet[0]! & 0x0f) * 4 : 0;
      options.onMessage(packet.subarray(headerBytes), source);
    }
  }

  const session: Session = new OurSession({
    networkProtocol: ipv4 ? NetworkProtocol.IPv4 : NetworkProtocol.IPv6,
    packetSize: options.sizeBytes,
    retries: 0,
    sessionId: identifier,
    timeout: options.forgetAfterMs,
  });
  let closed = false;
  // Without a listener an error would end the process; what cannot be sent is told request by request.
  session.on("error", () => undefined);
  // net-ping stops reading when it waits for nothing: a late or second reply would be read with the next probe's.
  session.getSocket().pauseRecv = () => undefined;
  if (process.platform === "linux") session.getSocket().setOption(SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
  return {
    identifier,
    ping(address) {
      let sequence: number | undefined;
      begun = undefined;
      session.pingHost(address, (error) => {
        // Its timeouts and ICMP errors have names of their own; a plain Error is the system call's.
        if (error?.name === "Error" && !closed && sequence !== undefined) options.onSendError(sequence, error);
      });
      sequence = begun;
      return sequence;
    },
    forget: (sequence) => void session.reqRemove(sequence),
    [Symbol.dispose]() {
      if (closed) return;
      closed = true;
      session.close();
    },
  };
}
