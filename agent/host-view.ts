// The host view: a process of its own in a node's network, which tells what the kernel says of it and does nothing else.
import type { Logger } from "pino";
import { startHostView } from "./api/host-view.ts";
import { TokenFile } from "./base/token-file.ts";
import type { Config } from "./config/schema.ts";
import { Viewer } from "./host/viewer.ts";
import { RouteTables } from "./kernel/netlink.ts";

/** Rejects where its port cannot be opened. */
export async function startHostViewer(config: Config, tokenFile: string, log: Logger): Promise<AsyncDisposable> {
  const token = new TokenFile(tokenFile);
  const { name, zone } = config.node;
  const viewer = new Viewer({ node: () => ({ name, zone }), namespace: "host", openTables: () => new RouteTables() });
  const read = await token.token();
  if (read.kind === "none") log.error({ why: read.why }, "there is no token: until there is one, nobody is answered");
  return startHostView({
    view: () => viewer.view(),
    token,
    port: config.ports.hostView,
    listen: config.listen,
    log,
  });
}
