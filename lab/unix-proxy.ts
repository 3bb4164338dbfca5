// Loaded into an agent of the lab with `--import`, before the agent itself. Sockets in the file system are the same in
// every network namespace, TCP ports are not: each proxy is such a socket, and what comes in goes to a loopback port of
// this process. So the machine's browser reaches the agent's page while no link joins their namespaces.
import { connect, createServer } from "node:net";

/** Proxies to open: path of the socket → port on this namespace's loopback. */
export type UnixProxies = Readonly<Record<string, number>>;

/** The environment variable they come in, as JSON. Taken out of it, so that nothing the agent starts opens them again. */
export const UNIX_PROXIES_VARIABLE = "INTERNODE_LAB_UNIX_PROXIES";

const text = process.env[UNIX_PROXIES_VARIABLE];
if (text !== undefined) {
  delete process.env[UNIX_PROXIES_VARIABLE];
  for (const [path, port] of Object.entries(JSON.parse(text) as UnixProxies)) openUnixProxy(path, port);
}

/** A proxy never keeps the agent alive. */
function openUnixProxy(path: string, port: number): void {
  const server = createServer({ allowHalfOpen: true }, (outside) => {
    const inside = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    for (const [from, to] of [
      [outside, inside],
      [inside, outside],
    ] as const) {
      from.unref().pipe(to);
      from.on("error", () => to.destroy()).on("close", () => to.destroy());
    }
  });
  server.listen(path).unref();
}
