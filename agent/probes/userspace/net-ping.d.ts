// The part of net-ping 1.2.4 (and of raw-socket under it) that the userspace engine uses; the package has no types.
declare module "net-ping" {
  import type { EventEmitter } from "node:events";

  export interface Request {
    readonly id: number;
    readonly target: string;
  }

  export interface RawSocket {
    pauseRecv: () => unknown;
    setOption(level: number, option: number, value: number): void;
  }

  export interface SessionOptions {
    readonly networkProtocol: number;
    readonly packetSize: number;
    readonly retries: number;
    readonly sessionId: number;
    readonly timeout: number;
  }

  /** Opens its raw socket when constructed; throws when it may not. */
  export class Session extends EventEmitter {
    constructor(options: SessionOptions);
    close(): this;
    getSocket(): RawSocket;
    pingHost(target: string, callback: (error: Error | null, target: string) => void): this;
    reqRemove(id: number): unknown;
    /** Writes the packet of a request. */
    toBuffer(request: Request): Buffer;
    /** Right before the system call. */
    onBeforeSocketSend(request: Request): void;
    /** Every packet of the raw socket, IPv4 ones with their IP header. */
    onSocketMessage(packet: Buffer, source: string): void;
  }

  export const NetworkProtocol: { readonly IPv4: number; readonly IPv6: number };
}
