// The answering end of TCP probes: accepts and closes at once. The prober's handshake is all that is measured, and
// it was answered by the kernel before this process hears of it.
import { createServer, type Server } from "node:net";
import type { TcpGuests } from "./tcp-guests.ts";
import { closeServer, descriptorOf, listen } from "../base/listen.ts";

export interface TcpResponderOptions {
  readonly port: number;
  /** Addresses to listen on; none binds to all. */
  readonly addresses: readonly string[];
  /** A connection could not be taken (no descriptor left, say). The kernel has answered its handshake all the same. */
  readonly failed?: (err: NodeJS.ErrnoException) => void;
  /**
   * Tells the kernel to complete handshakes on its own: a probe is reset before anything is sent, so this process never
   * wakes for it. Without it, or where it throws, every connection is accepted and closed.
   */
  readonly deferAccept?: ((listening: number) => void) | undefined;
  /** Who waits for connections of another kind. */
  readonly guests?: TcpGuests | undefined;
}

export interface TcpResponder extends AsyncDisposable {
  /** Connections accepted since the start. */
  readonly accepted: number;
}

/** Connections open at once: each lives for a moment. Above it the kernel's handshake still succeeds, then it is closed. */
const MAX_CONNECTIONS = 1_024;
/** Handshakes the kernel may hold while the event loop is busy (capped by net.core.somaxconn). */
const BACKLOG = 1_024;

/** Rejects when an address cannot be listened on, with nothing left open. */
export async function tcpResponder(options: TcpResponderOptions): Promise<TcpResponder> {
  const responder = new Responder(options);
  try {
    const addresses = options.addresses.length > 0 ? options.addresses : [undefined];
    for (const address of addresses) await responder.listen(options.port, address);
    return responder;
  } catch (err) {
    await responder[Symbol.asyncDispose]();
    throw err;
  }
}

class Responder implements TcpResponder {
  readonly #servers: Server[] = [];
  readonly #options: TcpResponderOptions;
  #accepted = 0;

  constructor(options: TcpResponderOptions) {
    this.#options = options;
  }

  get accepted(): number {
    return this.#accepted;
  }

  async listen(port: number, address: string | undefined): Promise<void> {
    const server = createServer({ noDelay: true }, (socket) => {
      if (this.#options.guests?.offer(socket) === true) return;
      this.#accepted++;
      socket.on("error", () => {}); // the prober resets its connection: that is no fault
      socket.destroy();
    });
    server.maxConnections = MAX_CONNECTIONS;
    // Running out of descriptors for a moment must not end the agent; the next accept may succeed.
    const failed = (err: NodeJS.ErrnoException): void => this.#options.failed?.(err);
    const more = { backlog: BACKLOG, ipv6Only: address?.includes(":") === true, failed };
    await listen(server, { what: "TCP probes", port, address, option: "ports.probe" }, more);
    this.#servers.push(server);
    try {
      this.#options.deferAccept?.(descriptorOf(server));
    } catch {
      // Then each connection is accepted: more work, the same answer.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.splice(0).map((server) => closeServer(server)));
  }
}
