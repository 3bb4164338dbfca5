// The daemon. The only command that reaches agent.ts, and only once its configuration is known to be right.
import { VERSION } from "../model/version.ts";
import { EXIT, type Command } from "./command.ts";
import { takesConfigFlags } from "./config-flags.ts";
import { openLog, readConfig, untilStopped } from "./daemon.ts";

const MORE = `
Probes every peer until SIGTERM, then is not ready, goes on reflecting until its peers have noticed, and exits 0.
A second signal ends it at once. Logs are JSON lines on stdout.

Every option can be set in the file, the environment or as a flag: docs/configuration.md lists them,
'internode config' prints what is in effect and where it comes from.`;

export const command: Command = {
  declare: (parser) => void takesConfigFlags(parser).addHelpText("after", MORE),
  async run(typed, signal) {
    const config = readConfig("agent", typed);
    if (config === undefined) return EXIT.usage;
    const log = openLog(config);
    const { startAgent } = await import("../agent.ts");
    log.info(
      {
        version: VERSION,
        nodejs: process.version,
        engine: config.engine,
        discovery: config.discovery.kind,
        ports: config.ports,
      },
      "internode agent starts",
    );
    let agent;
    try {
      agent = await startAgent(config, log);
    } catch (err) {
      log.fatal({ err }, `internode agent cannot start: ${err instanceof Error ? err.message : String(err)}`);
      return EXIT.broken;
    }
    await using running = agent;
    await untilStopped(signal);
    log.info({ signal: String(signal.reason), drainMs: config.shutdown.drainMs }, "internode agent stops");
    const again = new AbortController();
    const onSignal = () => again.abort();
    process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
    await running.drain(again.signal);
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    return EXIT.fine;
  },
};
