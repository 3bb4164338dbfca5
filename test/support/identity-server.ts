// A peer's /api/v1/identity on a loopback address of its own, really over HTTP.
import { createServer, type Server } from "node:http";
import type { Addresses } from "../../agent/model/peer.ts";

export interface IdentityServer extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly requests: number;
  /** What it answers: a document, `{ raw }` bytes, a `{ status }`, or nothing at all for "silence". */
  answer: unknown;
}

export const identityDocument = (
  node: string,
  nodeAddresses: Addresses,
  relayed: Readonly<Record<string, Addresses>> = {},
) => ({
  schemaVersion: 1,
  node: { name: node, zone: "zone-a" },
  version: "0.1.0",
  incarnation: "00ff",
  startedAt: "2026-01-01T00:00:00Z",
  podAddresses: {},
  nodeAddresses,
  relayed: Object.entries(relayed).map(([name, addresses]) => ({ node: name, nodeAddresses: addresses })),
});

/** `port` 0 lets the kernel choose; all peers of one test share one port. */
export async function startIdentityServer(address: string, port: number, answer: unknown): Promise<IdentityServer> {
  const state = { answer, requests: 0 };
  const server: Server = createServer((request, response) => {
    state.requests += 1;
    const now = state.answer as { raw?: string; status?: number } | "silence";
    if (now === "silence") return;
    if (request.url !== "/api/v1/identity") response.writeHead(404).end();
    else if (now.status !== undefined) response.writeHead(now.status, { location: "http://127.0.0.1:1/" }).end("no");
    else response.writeHead(200, { "content-type": "application/json" }).end(now.raw ?? JSON.stringify(now));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, resolve);
  });
  const bound = server.address();
  return {
    address,
    port: typeof bound === "object" && bound !== null ? bound.port : port,
    get requests() {
      return state.requests;
    },
    get answer() {
      return state.answer;
    },
    set answer(next: unknown) {
      state.answer = next;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
