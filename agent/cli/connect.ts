// A TCP handshake from a node's agent with any port of another node: what `nc -zv` is for.
import { Option } from "commander";
import { styleText } from "node:util";
import type { ConnectResult, Handshake } from "../actions/connect/action.ts";
import { forLog, forText } from "../base/escape.ts";
import { formatDelay } from "../base/format.ts";
import { NETWORKS, type Network } from "../model/peer.ts";
import { declareToken } from "./actions/token.ts";
import { runAction } from "./actions/run-action.ts";
import { EXIT, UsageError, type Command } from "./command.ts";
import { AgentUnreachable } from "./mesh-client.ts";
import { declareReach, readReach } from "./reach.ts";

const MORE = `
The agent of FROM shakes hands with PORT of TO, at TO's agent's pod address (pod network) and at TO's own address (node
network), and closes at once. Nothing is sent over the connection.
  open         something listens there
  refused      the path works, nothing listens: the target itself says so
  blocked      somebody on the way rejects it: a policy or a firewall
  silent       nothing came back: lost, or a firewall drops it without a word
  unreachable  no route to there
A SYN that had to be sent again is told: that is loss.

Agents do this only where actions are switched on (config.actions.enabled in the chart's values), with their token.

Examples:
  internode connect node-1 node-3 10250
  internode connect node-1 node-3 8443 --network pod
  internode connect node-1 node-3 7843 -o json | jq '.handshakes[].came'

Exit: 0 open on one network at least, 1 on none, or it could not be tried, 2 bad usage.`;

export const command: Command = {
  declare: (parser) =>
    void declareToken(declareReach(parser))
      .argument("<FROM>", "node whose agent tries")
      .argument("<TO>", "node that is tried")
      .argument("<PORT>", "TCP port")
      .addOption(new Option("--network <NAME>", "only this network").choices(NETWORKS))
      .option("--timeout <SECONDS>", "how long it waits, 0.1 to 10", "3")
      .addOption(new Option("-o, --output <FORMAT>", "how to print it").choices(["table", "json"]).default("table"))
      .addHelpText("after", MORE),
  async run(typed, signal) {
    const [from, target, portText] = typed.args as [string, string, string];
    const { network, timeout, output, tokenFile } = typed.options as {
      readonly network?: Network;
      readonly timeout: string;
      readonly output: string;
      readonly tokenFile?: string;
    };
    const port = Number(portText);
    if (!/^\d+$/.test(portText) || port < 1 || port > 65_535)
      throw new UsageError(`a port is a number from 1 to 65535, not '${portText}'`);
    const timeoutMs = Math.round(Number(timeout) * 1_000);
    if (!(timeoutMs >= 100 && timeoutMs <= 10_000))
      throw new UsageError(`--timeout takes seconds from 0.1 to 10, not '${timeout}'`);
    const request = { target, port, timeoutMs, ...(network && { networks: [network] }) };
    const isTable = output === "table";
    try {
      const wanted = { action: "connect", node: from, request, tokenFile };
      for await (const line of runAction(readReach(typed), wanted, signal)) {
        if (line.kind === "progress") {
          const { handshake } = line as { readonly handshake?: Handshake };
          if (isTable && handshake) console.log(handshakeLine({ from, target, port }, handshake));
          continue;
        }
        const result = line as unknown as ConnectResult;
        if (!isTable)
          console.log(forLog(JSON.stringify({ schemaVersion: 1, from, ...result, kind: undefined }, null, 2)));
        const { handshakes } = result;
        return handshakes.some(({ came }) => came === "open") ? EXIT.fine : EXIT.broken;
      }
      return EXIT.broken;
    } catch (err) {
      if (signal.aborted) return EXIT.broken;
      if (!(err instanceof AgentUnreachable)) throw err;
      console.error(`internode connect: ${err.message}`);
      return EXIT.broken;
    }
  },
};

const MEANS = {
  refused: "the path works, nothing listens there",
  blocked: "somebody on the way rejects it: a policy or a firewall",
  silent: "nothing came back: lost, or dropped by a firewall without a word",
  unreachable: "there is no route to it",
} as const;

function handshakeLine(
  { from, target, port }: { readonly from: string; readonly target: string; readonly port: number },
  handshake: Handshake,
): string {
  const { network, family, address, retransmits, came } = handshake;
  const at = family === "ipv6" ? `[${address}]:${port}` : `${address}:${port}`;
  const head = forText(`${from} to ${target}, ${network} network, ${at}: `);
  return `${head}${styleText(came === "open" ? "green" : ["red", "bold"], came)}${forText(restOf(handshake))}${
    retransmits > 0 ? `; ${retransmits} SYN sent again, which is loss` : ""
  }`;
}

function restOf(handshake: Handshake): string {
  switch (handshake.came) {
    case "open":
      return handshake.rttNs === undefined ? "" : `, ${formatDelay(handshake.rttNs)}`;
    case "local":
      return `, this node itself could not send (${handshake.errno})`;
    default:
      return `, ${MEANS[handshake.came]}`;
  }
}
