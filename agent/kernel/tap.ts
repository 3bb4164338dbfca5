// A TAP device: an Ethernet port whose other end is this process (Documentation/networking/tuntap.rst).
import koffi from "koffi";
import { check, close, errnoName, lastErrno } from "./libc.ts";
import { KernelError } from "./kernel.ts";

const libc = koffi.load("libc.so.6");
const open = libc.func("int open(const char *, int)") as unknown as (path: string, flags: number) => number;
const ioctl = libc.func("int ioctl(int, unsigned long, void *)") as unknown as (
  fd: number,
  request: number,
  argument: Uint8Array,
) => number;
const read = libc.func("intptr_t read(int, void *, size_t)") as unknown as (
  fd: number,
  bytes: Uint8Array,
  size: number,
) => number;
const write = libc.func("intptr_t write(int, const void *, size_t)") as unknown as (
  fd: number,
  bytes: Uint8Array,
  size: number,
) => number;

const O_RDWR = 0o2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
/** linux/if_tun.h: _IOW('T', 202, int). */
const TUNSETIFF = 0x400454ca;
/** Ethernet frames, without the 4 bytes of packet information in front. */
const IFF_TAP_NO_PI = 0x0002 | 0x1000;
/** struct ifreq: the name in 16 bytes, then a union whose first short is the flags. */
const IFREQ_BYTES = 40;
const IFNAMSIZ = 16;

/** Frames that the kernel sends out of the device are read here; those written here come in by it. Gone when disposed. */
export interface Tap extends Disposable {
  /** One frame into `room`: how many bytes, or 0 when there is none. */
  read(room: Uint8Array): number;
  /** False when the device did not take it (it is down, or there is no memory). */
  write(frame: Uint8Array): boolean;
  /** Called whenever there may be frames to read. */
  onReadable(listener: () => void): void;
}

/** In this process's network namespace. Throws KernelError (ENOENT without /dev/net/tun, EPERM without CAP_NET_ADMIN). */
export function openTap(name: string): Tap {
  if (Buffer.byteLength(name) >= IFNAMSIZ)
    throw new KernelError("ioctl(TUNSETIFF)", "EINVAL", `the name '${name}' has more than ${IFNAMSIZ - 1} bytes`);
  const fd = check(
    open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC),
    "open",
    "/dev/net/tun; TUN is in the kernel of every distribution, in a container the device must be passed in",
  );
  const ifreq = Buffer.alloc(IFREQ_BYTES);
  ifreq.write(name, "utf8");
  ifreq.writeUInt16LE(IFF_TAP_NO_PI, IFNAMSIZ);
  if (ioctl(fd, TUNSETIFF, ifreq) < 0) {
    const errno = errnoName(lastErrno());
    close(fd);
    throw new KernelError("ioctl(TUNSETIFF)", errno, `device ${name}`);
  }
  return new KernelTap(fd);
}

class KernelTap implements Tap {
  readonly #fd: number;
  #poll: ReturnType<typeof koffi.node.poll> | undefined;
  #isDisposed = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  read(room: Uint8Array): number {
    return Math.max(0, read(this.#fd, room, room.length));
  }

  write(frame: Uint8Array): boolean {
    return write(this.#fd, frame, frame.length) === frame.length;
  }

  onReadable(listener: () => void): void {
    this.#poll?.close();
    this.#poll = koffi.node.poll(this.#fd, { readable: true }, listener);
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#poll?.close();
    close(this.#fd);
  }
}
