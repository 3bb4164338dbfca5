// Netlink: asking the kernel for its tables (netlink(7), RFC 3549). It answers a dump at once, message by message, so
// nothing here waits. Read-only: the only requests made are dumps.
import type { Steps } from "../base/slices.ts";
import * as C from "./constants.ts";
import { KernelError } from "./kernel.ts";
import * as libc from "./libc.ts";

/** A message of a dump without its header, valid until the next step. */
export type TakeMessage = (type: number, body: Uint8Array) => void;

export interface Dump {
  /** RTM_GETLINK, RTM_GETROUTE … */
  readonly type: number;
  /** The family's own header that follows netlink's. */
  readonly body: Uint8Array;
}

const HEADER_BYTES = 16;
const NLM_F_REQUEST = 0x01;
const NLM_F_DUMP_INTERRUPTED = 0x10;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
/** The kernel writes at most 32 KiB of a dump at once (net/netlink/af_netlink.c). */
const BUFFER_BYTES = 64 * 1024;
/** A table that is changed while it is read is read again so many times. */
const TRIES = 3;
/** Of one dump; a table that is larger is cut off here. */
const MAX_DUMP_BYTES = 64 * 1024 * 1024;

/** A socket for dumps of NETLINK_ROUTE. Throws KernelError. */
export class RouteTables implements Disposable {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #sequence = 0;
  #closed = false;

  constructor() {
    this.#fd = libc.check(
      libc.socket(C.AF_NETLINK, C.SOCK_RAW | C.SOCK_NONBLOCK | C.SOCK_CLOEXEC, C.NETLINK_ROUTE),
      "socket",
      "netlink",
    );
  }

  /**
   * Reads one table; `begin` is called before it is read, and again where it changed meanwhile. Yields between the
   * kernel's pieces, 32 KiB each.
   */
  *read(dump: Dump, begin: () => TakeMessage): Steps<void> {
    for (let tries = 1; ; tries++) {
      this.#send(dump);
      if ((yield* this.#receive(begin())) || tries === TRIES) return;
    }
  }

  #send({ type, body }: Dump): void {
    const request = new Uint8Array(HEADER_BYTES + body.byteLength);
    const view = new DataView(request.buffer);
    view.setUint32(0, request.byteLength, true);
    view.setUint16(4, type, true);
    view.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
    view.setUint32(8, ++this.#sequence, true);
    request.set(body, HEADER_BYTES);
    libc.check(libc.send(this.#fd, request, request.byteLength, 0), "send", `netlink dump ${type}`);
  }

  /** Whether it stayed the same while it was read. */
  *#receive(take: TakeMessage): Steps<boolean> {
    let consistent = true;
    for (let bytes = 0; bytes < MAX_DUMP_BYTES;) {
      const got = libc.check(libc.recv(this.#fd, this.#buffer, BUFFER_BYTES, C.MSG_DONTWAIT), "recv", "netlink");
      bytes += got;
      for (const message of messagesIn(this.#buffer.subarray(0, got))) {
        if (message.sequence !== this.#sequence) continue;
        if ((message.flags & NLM_F_DUMP_INTERRUPTED) !== 0) consistent = false;
        if (message.type === NLMSG_DONE) {
          throwIfError(message.body);
          return consistent;
        }
        if (message.type === NLMSG_ERROR) throwIfError(message.body);
        else take(message.type, message.body);
      }
      yield;
    }
    return consistent;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    libc.close(this.#fd);
  }
}

interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** struct nlmsghdr: length, type, flags, sequence, port; each message begins at a multiple of four. Pure. */
export function* messagesIn(bytes: Uint8Array): Generator<Message> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + HEADER_BYTES <= bytes.byteLength;) {
    const length = view.getUint32(at, true);
    if (length < HEADER_BYTES || at + length > bytes.byteLength) return;
    yield {
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      body: bytes.subarray(at + HEADER_BYTES, at + length),
    };
    at += (length + 3) & ~3;
  }
}

/** Both kinds of end carry an errno, negative, or 0. */
function throwIfError(body: Uint8Array): void {
  if (body.byteLength < 4) return;
  const errno = new DataView(body.buffer, body.byteOffset).getInt32(0, true);
  if (errno < 0) throw new KernelError("netlink", libc.errnoName(errno), "dump");
}
