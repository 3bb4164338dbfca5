// Opening a port, with the cure in the error when that fails, and closing it again.
import type { AddressInfo, ListenOptions, Server, Socket } from "node:net";
import type { Server as HttpServer } from "node:http";
import { familyOf } from "./ip.ts";

export interface Port {
  /** What listens there: "HTTP API". */
  readonly what: string;
  readonly port: number;
  /** Absent: all addresses. */
  readonly address?: string | undefined;
  /** The option that chooses the port, by name: `ports.http`. */
  readonly option: string;
}

/**
 * Rejects with a CannotListen. Once open, an error of the server (no descriptor left for the next connection, say)
 * goes to `failed` each time: without a listener it would end the process.
 */
export async function listen(
  server: Server,
  port: Port,
  { failed, ...more }: ListenOptions & { readonly failed: (err: NodeJS.ErrnoException) => void },
): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    const refused = (err: NodeJS.ErrnoException): void => reject(cannotListen(port, err.code ?? err.message, err));
    server.once("error", refused);
    // `::` is all addresses of IPv6: beside 0.0.0.0 it must not want those of IPv4 too.
    const where = port.address === undefined ? {} : { host: port.address, ipv6Only: familyOf(port.address) === "ipv6" };
    server.listen({ ...more, ...where, port: port.port }, () => {
      server.off("error", refused);
      server.on("error", failed);
      resolve();
    });
  });
  return server.address() as AddressInfo; // a TCP server that listens has one
}

/** Of a server that listens, or a connection; −1 of one that is closed. Node.js has no documented name for it: a test fails when this one goes. */
export function descriptorOf(open: Server | Socket): number {
  const { fd = -1 } = (Reflect.get(open, "_handle") ?? {}) as { readonly fd?: number };
  return fd;
}

/** Why a port cannot be opened, by errno, with what would help. */
export function cannotListen({ what, port, address, option }: Port, errno: string, cause: unknown): Error {
  const cures: Readonly<Record<string, string>> = {
    EADDRINUSE: `another process has it: stop that one (\`ss -lntup\` names it) or set ${option} to a free port`,
    EADDRNOTAVAIL: "this machine has no such address: correct listen, or leave it empty for all addresses",
    EACCES: `ports below 1024 need rights that this process does not have: set ${option} to a higher one`,
  };
  const cure = cures[errno] ?? `set ${option} or listen`;
  return new Error(`${what}: cannot listen on ${address ?? "all addresses"}, port ${port}: ${errno}; ${cure}`, {
    cause,
  });
}

/** Idle connections end at once, answers under way within `graceMs`. Resolves also when it never listened. */
export async function closeServer(server: Server | HttpServer, graceMs = 0): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  if ("closeAllConnections" in server) {
    server.closeIdleConnections();
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(cut);
  } else await closed;
}
