// A port on the machine's own 127.0.0.1 that leads to an agent: to its proxy, or to a loopback address of its own.
import { connect, type NetConnectOpts, type Server, type Socket } from "node:net";
import { closed } from "./ports.ts";

/** Hand every connection on. `server` listens, allows half-open connections, and is closed with the gateway. */
export function openGateway(server: Server, target: NetConnectOpts): AsyncDisposable {
  const open = new Set<Socket>();
  server.removeAllListeners("connection").on("connection", (outside) => {
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
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await closed(server);
    },
  };
}
