// The other agents of a mesh that is judged, as one server in a thread of its own: their rows are made, changed and
// encoded here, so that the judging thread's memory holds what a judge's does. Told a second, it has the rows of then.
import { createServer } from "node:http";
import { parentPort, workerData } from "node:worker_threads";
import { phase } from "../../agent/base/hash.ts";
import { sampleMesh } from "../../agent/mesh/sampling.ts";
import type { Node } from "../../agent/model/peer.ts";
import type { Row } from "../../agent/model/snapshot.ts";
import { encodeRow } from "../../agent/peers/compact-row.ts";
import { IDLE_CONNECTION_MS } from "../../agent/peers/peer-api.ts";
import { sampleNodes, sampleRow, type SampleMesh } from "../support/sample-mesh.ts";
import { withRoutes } from "./evidence.ts";

/** To the judging thread: where the server listens, then the judge's own row of each second that it asked for. */
export type Told = { readonly port: number } | { readonly own: Row };

/** The server tells agents apart by the address that they are asked at. */
export const addressOf = (i: number): string => `127.1.${Math.floor(i / 250)}.${(i % 250) + 1}`;

const ZONES = 3;

/** The rows of a mesh whose last node loses 2 % on its way out, as the product samples its pairs. */
function rowsOf(nodes: readonly Node[]): Row[] {
  const sample = sampleMesh({ nodes, fullMeshLimit: 100, sampleSize: 24 });
  const loser = nodes.at(-1)!.name;
  const loss = nodes.map(({ name: to }) => ({ from: loser, to, ratio: 0.02 }));
  return nodes.map((source) => {
    const probed = sample.destinations(source.name);
    // Looking a loss up takes as long as the list is.
    const ofRow = loss.filter(({ to }) => (source.name === loser ? probed.has(to) : to === source.name));
    const mesh: SampleMesh = { nodes: nodes.length, zones: ZONES, loss: ofRow };
    const row = sampleRow(mesh, source, [source, ...nodes.filter(({ name }) => probed.has(name))]);
    return withRoutes(row);
  });
}

/** What a row tells at this second: each pair loses in the same seconds of every minute, and not all in the same. */
const tellsAt = (row: Row, seconds: number): Row => ({
  ...row,
  at: new Date(seconds * 1_000).toISOString(),
  pairs: row.pairs.map((pair) => {
    const { failures } = pair.window;
    if (failures === 0) return pair;
    const first = phase(`${row.source.name} ${pair.destination.name} ${pair.network} ${pair.protocol}`) * 60;
    const lost = new Set(Array.from({ length: failures }, (_, i) => Math.floor(first + (i * 60) / failures) % 60));
    const digits = Array.from({ length: 60 }, (_, i) => (lost.has((seconds + i) % 60) ? "1" : "0"));
    return { ...pair, lostSeconds: digits.join("") };
  }),
});

function serve(port: NonNullable<typeof parentPort>): void {
  const [own, ...others] = rowsOf(sampleNodes({ nodes: workerData as number, zones: ZONES }));
  let encoded = new Map<string | undefined, Buffer>();
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
  const tell = (told: Told): void => port.postMessage(told);
  port.on("message", (seconds: number) => {
    encoded = new Map(others.map((row, i) => [addressOf(i), encodeRow(tellsAt(row, seconds))]));
    tell({ own: tellsAt(own!, seconds) });
  });
  // As the API of an agent keeps them.
  const options = { keepAliveTimeout: IDLE_CONNECTION_MS };
  const server = createServer(options, ({ socket }, response) => response.end(encoded.get(socket.localAddress)));
  server.listen(0, "0.0.0.0", () => {
    const address = server.address();
    if (address !== null && typeof address === "object") tell({ port: address.port });
  });
}

if (parentPort) serve(parentPort);
