// A port on the machine's own 127.0.0.1 that leads to an agent: to its door, or to a loopback address of its own.
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from "node:net";

export interface Gateway extends AsyncDisposable {
  readonly port: number;
}

/** Listen on 127.0.0.1 and hand every connection on. Rejects with the listener's error (EADDRINUSE …). */
export async function openGateway(port: number, target: NetConnectOpts): Promise<Gateway> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (outside) => {
    const inside = connect({ ...target, allowHalfOpen: true });
    for (const [from, to] of [
      [outside, inside],
      [inside, outside],
    ] as const) {
      open.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        open.delete(from);
        to.destroy();
      });
    }
  });
  await listen(server, port);
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      if (server.listening) await new Promise((resolve) => void server.close(resolve));
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject).listen(port, "127.0.0.1", () => {
    server.off("error", reject);
    resolve();
  });
  return promise;
}
