// The C library calls the kernel engine makes, bound once. Pointers are plain addresses (numbers below 2^53):
// all memory the kernel sees lives in arenas that never move.
import { constants } from "node:os";
import koffi from "koffi";
import { KernelError } from "./kernel.ts";

const libc = koffi.load("libc.so.6");

type Fn<A extends unknown[]> = (...args: A) => number;
const bind = <A extends unknown[]>(declaration: string) => libc.func(declaration) as unknown as Fn<A>;

export const socket = bind<[domain: number, type: number, protocol: number]>("int socket(int, int, int)");
export const bindSocket = bind<[fd: number, address: Uint8Array, bytes: number]>(
  "int bind(int, const void *, uint32_t)",
);
export const connect = bind<[fd: number, address: Uint8Array, bytes: number]>(
  "int connect(int, const void *, uint32_t)",
);
export const close = bind<[fd: number]>("int close(int)");
export const setsockopt = bind<
  [fd: number, level: number, name: number, value: Uint8Array | Int32Array, bytes: number]
>("int setsockopt(int, int, int, const void *, uint32_t)");
export const getsockopt = bind<
  [fd: number, level: number, name: number, value: Uint8Array | Uint32Array, bytes: Uint32Array]
>("int getsockopt(int, int, int, void *, void *)");
export const getsockname = bind<[fd: number, address: Uint8Array, bytes: Uint32Array]>(
  "int getsockname(int, void *, void *)",
);
export const sendmmsg = bind<[fd: number, headers: number, count: number, flags: number]>(
  "int sendmmsg(int, uint64_t, unsigned int, int)",
);
/** The last argument is the timeout, always 0 here: sockets are non-blocking. */
export const recvmmsg = bind<[fd: number, headers: number, count: number, flags: number, timeout: number]>(
  "int recvmmsg(int, uint64_t, unsigned int, int, uint64_t)",
);
export const send = bind<[fd: number, bytes: Uint8Array, count: number, flags: number]>(
  "int send(int, const void *, size_t, int)",
);
export const recv = bind<[fd: number, bytes: Uint8Array, count: number, flags: number]>(
  "int recv(int, void *, size_t, int)",
);
export const clockGettime = bind<[clock: number, time: BigInt64Array]>("int clock_gettime(int, void *)");
/** koffi gives 64-bit integers as numbers while they are exact, which addresses (47 bits) are. */
const calloc = bind<[count: number, bytes: number]>("uint64_t calloc(size_t, size_t)");

const free = bind<[address: number]>("void free(uint64_t)");

/** Runs between turns of the event loop, so never while the kernel reads or writes what it frees. */
const UNUSED = new FinalizationRegistry<number>((address) => free(address));

/** Memory outside the JavaScript heap that never moves. Given back when nothing refers to `bytes` or `view` any more. */
export interface Arena {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export function allocateArena(byteLength: number): Arena {
  // Large ones come from the kernel as zeros, page by page when touched: room for packets that never come costs nothing.
  const address = calloc(1, byteLength);
  if (address === 0) throw new KernelError("calloc", "ENOMEM", `${byteLength} bytes`);
  const buffer = koffi.view(BigInt(address), byteLength);
  UNUSED.register(buffer, address);
  return { address, bytes: new Uint8Array(buffer), view: new DataView(buffer) };
}

/** Errno of the last call. */
export const lastErrno = (): number => koffi.errno();

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));
/** Numbers that Node's table lacks (asm-generic/errno.h). */
for (const [number, name] of [
  [64, "ENONET"],
  [112, "EHOSTDOWN"],
] as const)
  if (!NAMES.has(number)) NAMES.set(number, name);
// EAGAIN and EWOULDBLOCK, ENOTSUP and EOPNOTSUPP share numbers; one name each.
NAMES.set(11, "EAGAIN").set(95, "EOPNOTSUPP");

/** 111 or −111 → "ECONNREFUSED". */
export function errnoName(errno: number): string {
  return NAMES.get(Math.abs(errno)) ?? `E${Math.abs(errno)}`;
}

/** Pass the result on, or throw what the last call failed with. */
export function check(result: number, syscall: string, detail: string): number {
  if (result < 0) throw new KernelError(syscall, errnoName(lastErrno()), detail);
  return result;
}
