// The answering end of TCP probes: accepts and closes at once. The prober's handshake is all that is measured, and
// it was answered by the kernel before this process hears of it.
import { once } from "node:events";
import { createServer, type Server } from "node:net";

export interface TcpResponderOptions {
  readonly port: number;
  /** Addresses to listen on; none binds to all. */
  readonly addresses: readonly string[];
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
  const responder = new Responder();
  try {
    const hosts = options.addresses.length > 0 ? options.addresses : [undefined];
    for (const host of hosts) await responder.listen(options.port, host);
    return responder;
  } catch (err) {
    await responder[Symbol.asyncDispose]();
    const at = options.addresses.length > 0 ? options.addresses.join(", ") : "all addresses";
    throw new Error(
      `cannot listen for TCP probes on port ${options.port} of ${at}: ${err instanceof Error ? err.message : String(err)}; stop what uses the port, or set ports.probe`,
      { cause: err },
    );
  }
}

class Responder implements TcpResponder {
  readonly #servers: Server[] = [];
  #accepted = 0;

  get accepted(): number {
    return this.#accepted;
  }

  async listen(port: number, host: string | undefined): Promise<void> {
    const server = createServer({ noDelay: true }, (socket) => {
      this.#accepted++;
      socket.on("error", () => {}); // the prober resets its connection: that is no fault
      socket.destroy();
    });
    server.maxConnections = MAX_CONNECTIONS;
    server.listen({ port, backlog: BACKLOG, ...(host === undefined ? {} : { host, ipv6Only: host.includes(":") }) });
    await once(server, "listening");
    // Running out of descriptors for a moment must not end the agent; the next accept may succeed.
    server.on("error", () => {});
    this.#servers.push(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#servers.splice(0).map(
        (server) =>
          new Promise<void>((closed) => {
            server.close(() => closed());
          }),
      ),
    );
  }
}
