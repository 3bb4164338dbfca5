// The largest packet that passes between two nodes, both ways, and where larger ones end: what `ping -M do -s` in a loop
// and `tracepath` are for.
import { Option } from "commander";
import { styleText } from "node:util";
import type { MtuProgress, MtuResult } from "../actions/mtu/action.ts";
import { concludeMtu } from "../actions/mtu/conclude.ts";
import { explainOverhead } from "../actions/mtu/overhead.ts";
import type { MtuReport, Step } from "../actions/mtu/report.ts";
import { forLog, forText } from "../base/escape.ts";
import { IP_FAMILIES, NETWORKS, type IpFamily, type Network } from "../model/peer.ts";
import { declareWays, runBothWays } from "./actions/both-ways.ts";
import { declareToken } from "./actions/token.ts";
import { EXIT, type Command } from "./command.ts";
import { declareReach, readReach } from "./reach.ts";
import { table } from "./text-table.ts";

const MORE = `
The agent of FROM sends packets that may not be fragmented: first as large as its kernel believes that they may be
(IP_MTU), then, only if those are lost, smaller ones, until the largest that passes is known to the byte. Every reply is
small, so only the way there is tried; the agent of TO tries the other way at the same time. A size counts as lost only when
three large packets are lost while three small ones beside them are answered.

Routers that say what fits make discovery work: no fault. Where nobody says so, large packets vanish and connections hang as
soon as they send much. Then each router on the way is asked by large and by small packets that end there, which shows
between which two the large ones vanish.

Sizes are bytes of IP packet. What is missing to the size of a link is explained by the tunnel that takes as much.

Agents do this only where actions are switched on (config.actions.enabled in the chart's values), with their token.

Examples:
  internode mtu node-1 node-3
  internode mtu node-1 node-3 --network pod --one-way
  internode mtu node-1 node-3 -o json | jq '.paths[] | {network, from, passesBytes}'

Exit: 0 nothing vanishes, 1 something does, or it could not be tried, 2 bad usage.`;

export const command: Command = {
  declare: (parser) =>
    void declareWays(declareToken(declareReach(parser)))
      .addOption(new Option("--network <NAME>", "only this network").choices(NETWORKS))
      .addOption(new Option("--family <NAME>", "only this address family").choices(IP_FAMILIES))
      .addOption(new Option("-o, --output <FORMAT>", "how to print it").choices(["table", "json"]).default("table"))
      .addHelpText("after", MORE),
  async run(typed, signal) {
    const { network, family, output } = typed.options as {
      readonly network?: Network;
      readonly family?: IpFamily;
      readonly output: string;
    };
    const ways = await runBothWays<MtuProgress, MtuResult>(
      readReach(typed),
      {
        command: "mtu",
        action: "mtu",
        names: typed.args,
        options: typed.options,
        request: { ...(network && { networks: [network] }), ...(family && { families: [family] }) },
        progressOf: ({ trying }) => trying.map((one) => `${one.network} network, ${one.bytes} bytes`).join(", "),
      },
      signal,
    );
    const paths = ways.results.flatMap(({ paths }) => paths);
    const concluded = paths.map((path) => ({ ...path, conclusion: concludeMtu(path) }));
    const overheads = overheadsOf(concluded);
    if (output === "json")
      console.log(
        forLog(JSON.stringify({ schemaVersion: 1, paths: concluded, overheads, failures: ways.failures }, null, 2)),
      );
    else if (paths.length > 0) console.log(printed(concluded, overheads));
    const isFault = ways.failures.length > 0 || concluded.some(({ conclusion }) => conclusion.isFault);
    return isFault || paths.length === 0 ? EXIT.broken : EXIT.fine;
  },
};

type Concluded = MtuReport & { readonly conclusion: ReturnType<typeof concludeMtu> };

const FAMILY_NAMES: Readonly<Record<IpFamily, string>> = { ipv4: "IPv4", ipv6: "IPv6" };

function printed(paths: readonly Concluded[], overheads: readonly string[]): string {
  const heads = ["FROM", "TO", "NETWORK", "FAMILY", "BELIEVED", "PASSES", "TRIED"];
  const rows = paths.map(({ from, to, network, family, believedBytes, passesBytes, steps }) => [
    forText(from),
    forText(to),
    network,
    FAMILY_NAMES[family],
    believedBytes === undefined ? "no route" : String(believedBytes),
    passesBytes === undefined ? "?" : String(passesBytes),
    steps.map(stepText).join(" "),
  ]);
  const lines = paths.map(({ from, to, network, family, conclusion }) => {
    const sign = conclusion.isFault ? styleText(["red", "bold"], "✘") : styleText("green", "✔");
    return `${sign} ${forText(`${from} → ${to}, ${network} network, ${FAMILY_NAMES[family]}: ${conclusion.text}`)}`;
  });
  const explained = overheads.map((words) => `· ${forText(words)}`);
  return [table([heads, ...rows]), "", ...lines, ...explained].join("\n");
}

const SIGNS: Readonly<Record<Step["came"], string>> = { passes: "✔", vanishes: "✘", told: "→", unclear: "?" };
const stepText = ({ bytes, came }: Step): string => `${bytes}${SIGNS[came]}`;

/** Said once for both ways where it is the same. */
function overheadsOf(paths: readonly Concluded[]): string[] {
  const words = paths.flatMap((pod) => {
    const { from, to, passesBytes, conclusion } = pod;
    if (pod.network !== "pod" || passesBytes === undefined) return [];
    const node = paths.find((path) => path.network === "node" && path.from === from && path.passesBytes !== undefined);
    const text = explainOverhead({
      podBytes: passesBytes,
      nodeBytes: node?.passesBytes,
      nodeFamily: node?.family ?? pod.family,
      isBlackHole: conclusion.isFault,
    });
    return text === undefined ? [] : [{ way: `${from} → ${to}`, text }];
  });
  const isSame = new Set(words.map(({ text }) => text)).size === 1;
  return isSame ? [words[0]!.text] : words.map(({ way, text }) => `${way}: ${text}`);
}
