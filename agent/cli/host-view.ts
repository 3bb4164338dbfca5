// The host view, which the chart runs in the nodes' own network.
import { VERSION } from "../model/version.ts";
import { EXIT, type Command } from "./command.ts";
import { takesConfigFlags } from "./config-flags.ts";
import { openLog, readConfig, untilStopped } from "./daemon.ts";

const MORE = `
Answers /api/v1/node on ports.hostView, to who has the token of tokenFile, until SIGTERM: interfaces, routes, neighbours, counters and
sockets of the network that it runs in. It needs no right, changes nothing and sends nothing by itself. The chart runs it on every
node with hostView.enabled=true. It reads the same configuration as 'internode agent'.`;

export const command: Command = {
  declare: (parser) => void takesConfigFlags(parser).addHelpText("after", MORE),
  async run(typed, signal) {
    const config = readConfig("host-view", typed);
    if (config === undefined) return EXIT.usage;
    const { tokenFile } = config;
    if (tokenFile === undefined) {
      console.error("internode host-view: tokenFile is not set: name a file with the token, which readers must give");
      return EXIT.usage;
    }
    const log = openLog(config);
    const { startHostViewer } = await import("../host-view.ts");
    const { ports, listen } = config;
    log.info({ version: VERSION, nodejs: process.version, port: ports.hostView, listen }, "internode host view starts");
    let viewer;
    try {
      viewer = await startHostViewer(config, tokenFile, log);
    } catch (err) {
      log.fatal({ err }, `internode host view cannot start: ${err instanceof Error ? err.message : String(err)}`);
      return EXIT.broken;
    }
    await using running = viewer;
    void running;
    await untilStopped(signal);
    log.info({ signal: String(signal.reason) }, "internode host view stops");
    return EXIT.fine;
  },
};
