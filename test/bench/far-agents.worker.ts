// The agents of a far namespace as far as others ask them over HTTP: far-agents.worker.ts POD,POD… [NODE,NODE…]
// Every address says which node it is, and that it judges when it is its turn. Prints "ready".
import { once } from "node:events";
import { createServer } from "node:http";

const PORT = 8_843;
const pod = process.argv[2]!.split(",");
const node = process.argv[3]?.split(",") ?? [];

const server = createServer((request, response) => {
  const at = pod.indexOf(request.socket.localAddress ?? "");
  if (request.url?.startsWith("/api/v1/identity") === true && at >= 0) {
    const nodeAddresses = node[at] === undefined ? {} : { ipv4: node[at] };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ schemaVersion: 1, node: { name: `node-${at + 1}` }, nodeAddresses, relayed: [] }));
    return;
  }
  // What an agent says of its judgement while it is not its turn; it has no row and no metrics.
  response.statusCode = 404;
  response.end();
});
server.keepAliveTimeout = 60_000;
server.listen(PORT, "0.0.0.0");
await once(server, "listening");
console.log("ready");
