// Carries connections between two sockets; run as a program of its own. A Unix socket is reached from every network
// namespace, so two of these carry the API server's port out of its namespace:
//   node forward.ts FROM TO READY-FILE      FROM, TO: host:port or /path
import { renameSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type NetConnectOpts } from "node:net";

const [from, to, ready] = process.argv.slice(2) as [string, string, string];
const server = createServer({ allowHalfOpen: true }, (near) => {
  const far = connect({ ...target(to), allowHalfOpen: true });
  near.pipe(far).pipe(near);
  near.on("error", () => far.destroy());
  far.on("error", () => near.destroy());
});
server.listen(target(from), () => {
  const address = server.address() as AddressInfo | string;
  // In one step, so that nobody reads half of it.
  writeFileSync(`${ready}.new`, typeof address === "string" ? address : `${address.address}:${address.port}`);
  renameSync(`${ready}.new`, ready);
});

function target(text: string): NetConnectOpts {
  if (text.startsWith("/")) return { path: text };
  const [host, port] = text.split(":");
  return { host: host!, port: Number(port) };
}
