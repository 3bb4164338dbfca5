// The listening ports of a demo on the machine's own 127.0.0.1: page and API of node i at first + i − 1, metrics 1000
// above. Opened before the lab is built, and apart from it, since a lab in a user namespace cannot reach them: it gets
// them handed over already open.
import { createServer, type Server } from "node:net";
import { LabError } from "./machine.ts";

export interface NodePorts {
  readonly page: Server;
  readonly metrics: Server;
}

export interface Ports extends AsyncDisposable {
  readonly first: number;
  /** In the order of the lab's nodes. */
  readonly nodes: readonly NodePorts[];
}

export const METRICS_ABOVE = 1_000;
/** Where to look for free ports when nobody said which. */
const STEP = 2_000;
const TRIES = 8;

/** On `port`, or when it is undefined on the first free block from 8843 up. Throws LabError. */
export async function openPorts(nodes: number, port: number | undefined): Promise<Ports> {
  if (port !== undefined) return openBlock(nodes, port);
  for (let i = 0; ; i++) {
    try {
      return await openBlock(nodes, 8_843 + i * STEP);
    } catch (err) {
      if (!(err instanceof LabError) || i === TRIES - 1) throw err;
    }
  }
}

async function openBlock(nodes: number, first: number): Promise<Ports> {
  const opened: NodePorts[] = [];
  const servers: Server[] = [];
  const open = async (port: number): Promise<Server> => {
    const server = await listen(port);
    servers.push(server);
    return server;
  };
  const dispose = async (): Promise<void> => {
    await Promise.all(servers.map(closed));
  };
  try {
    for (let i = 0; i < nodes; i++)
      opened.push({ page: await open(first + i), metrics: await open(first + i + METRICS_ABOVE) });
  } catch (err) {
    await dispose();
    throw err;
  }
  return { first, nodes: opened, [Symbol.asyncDispose]: dispose };
}

async function listen(port: number): Promise<Server> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Who comes before the lab is there is sent away.
  const server = createServer({ allowHalfOpen: true }, (early) => early.destroy());
  server.once("error", reject).listen(port, "127.0.0.1", () => {
    server.off("error", reject);
    resolve();
  });
  try {
    await promise;
  } catch (err) {
    const { code, message } = err as NodeJS.ErrnoException;
    const cure = code === "EADDRINUSE" ? "something listens there already; choose another with --port" : message;
    throw new LabError(`cannot listen on 127.0.0.1:${port}: ${cure}`);
  }
  return server;
}

export async function closed(server: Server): Promise<void> {
  if (server.listening) await new Promise((resolve) => void server.close(resolve));
}
