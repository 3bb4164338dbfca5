// node:dgram behind the part of the Kernel seam that UDP needs, so that probes and reflector speak the same STAMP
// without FFI. What arrives carries this process's own time of reading as its stamp; what is sent carries none, so
// every delay is marked as measured by the user clock.
import { createSocket, type Socket } from "node:dgram";
import { constants } from "node:os";
import { KernelError, type PacketBatch, type PacketSocket, type UdpOptions } from "../../kernel/kernel.ts";
import { describeAddress, socketAddress } from "../../kernel/socket-address.ts";
import type { Clock } from "../../base/clock.ts";
import type { IpFamily } from "../../model/peer.ts";
import type { UdpKernel } from "../udp-channel.ts";
import { DgramBatch, type Datagram } from "./dgram-batch.ts";

/** `stamp` is asked for each datagram that is read: nanoseconds of `Clock.realtimeNs`, now unless given. */
export function dgramKernel(clock: Clock, stamp: () => number = () => clock.realtimeNs()): UdpKernel {
  return {
    socketAddress,
    createBatch: (capacity, packetBytes) => new DgramBatch(capacity, packetBytes),
    openUdp: (options) => new DgramSocket(options, stamp),
    errnoName,
  };
}

const RECEIVE_BUFFER_BYTES = 4 << 20;

const ERRNO_NAMES = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]));
const errnoName = (errno: number) => ERRNO_NAMES.get(Math.abs(errno)) ?? `E${Math.abs(errno)}`;

class DgramSocket implements PacketSocket {
  readonly kind = "datagram";
  readonly family: IpFamily;
  readonly port: number;
  readonly receiveBufferBytes: number;
  readonly #socket: Socket;
  readonly #received: Datagram[] = [];
  readonly #errors: Datagram[] = [];
  #closed = false;

  constructor({ family, port, address, receiveBufferBytes = RECEIVE_BUFFER_BYTES }: UdpOptions, stamp: () => number) {
    this.family = family;
    let failure: Error | undefined;
    this.#socket = createSocket({
      type: family === "ipv4" ? "udp4" : "udp6",
      ipv6Only: family === "ipv6",
      recvBufferSize: receiveBufferBytes,
      // Only addresses are used: looking them up at once makes bind and send act at once.
      lookup: (host, _options, done) => done(null, host, family === "ipv4" ? 4 : 6),
    });
    this.#socket.on("error", (err) => (failure = err));
    this.#socket.on("message", (bytes, from) => {
      // A link-local sender comes with its interface: nobody we know, but it must not end the process.
      const ip = from.address.replace(/%.*$/, "");
      this.#received.push({ bytes, from: socketAddress(ip, from.port), stampNs: stamp() });
    });
    this.#socket.bind({ port, ...(address === undefined ? {} : { address }), exclusive: true });
    if (failure)
      throw new KernelError(
        "bind",
        (failure as NodeJS.ErrnoException).code ?? "UNKNOWN",
        `UDP port ${port}: ${failure.message}`,
      );
    this.port = this.#socket.address().port;
    this.receiveBufferBytes = this.#socket.getRecvBufferSize();
  }

  send(batch: PacketBatch, from: number, to: number): number {
    for (let i = from; i < to; i++) {
      const outgoing = (batch as DgramBatch).outgoing(i);
      // Node may keep the bytes until later: they are a copy, as the batch is written to again.
      const bytes = Buffer.from(outgoing.bytes);
      const { ip, port } = describeAddress(outgoing.to);
      // Anybody can send from port 0, which cannot be answered; Node would throw where the kernel refuses.
      if (port === 0) return i > from ? i - from : -constants.errno.EINVAL;
      this.#socket.send(bytes, port, ip, (err) => {
        if (err)
          this.#errors.push({
            bytes,
            from: outgoing.to,
            stampNs: Number.NaN,
            errno: (err as NodeJS.ErrnoException).code ?? "UNKNOWN",
          });
      });
    }
    return to - from;
  }

  receive(batch: PacketBatch): number {
    return (batch as DgramBatch).take(this.#received);
  }

  receiveErrors(batch: PacketBatch): number {
    return (batch as DgramBatch).take(this.#errors);
  }

  setHopLimit(hops: number): void {
    this.#socket.setTTL(hops);
  }

  /** Node does not tell. */
  drops(): number {
    return 0;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }
}
