// Memory of the bundled agent with all protocols, while it is scraped.
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { VethPair } from "../support/veth.ts";
import { bundleAgent } from "./bundle.ts";
import { converse } from "./conversation.ts";
import { memoryMb } from "./process.ts";
import { fetchFrom, sumOf } from "./scraped.ts";
import { meshFiles, peerAddresses, routedPair } from "./static-mesh.ts";
import { atMost, type Cell, type Figure } from "./table.ts";

const SECONDS = 60;
const SCRAPE_EVERY_S = 5;
const BARS = [
  { peers: 100, limitMb: 40 },
  { peers: 1_000, limitMb: 85 },
] as const;
const FAR = fileURLToPath(new URL("./far.worker.ts", import.meta.url));

interface Grown {
  readonly row: Cell[];
  /** Largest seen at any scrape. */
  readonly anonMb: number;
}

async function grow(program: readonly string[], peers: number): Promise<Grown> {
  using pair: VethPair = routedPair(2 * peers);
  await using far = converse(
    pair.start(pair.far, process.execPath, FAR, peerAddresses(peers).pod.join(","), pair.nearIp),
  );
  await far.heard();
  using files = meshFiles({ address: pair.nearIp, peers, nodeNetwork: true, settings: { dns: { enabled: false } } });
  const agent = pair.start(pair.near, ...program, "agent", "--config", files.configFile);
  agent.stdout!.resume();
  agent.stderr!.resume();
  let [anonMb, rssMb, scrape] = [0, 0, ""];
  for (let second = 0; second < SECONDS; second += SCRAPE_EVERY_S) {
    await sleep(SCRAPE_EVERY_S * 1_000);
    scrape = await fetchFrom(pair.near, `http://${pair.nearIp}:9843/metrics`);
    anonMb = Math.max(anonMb, memoryMb(agent.pid!, "RssAnon"));
    rssMb = Math.max(rssMb, memoryMb(agent.pid!, "VmRSS"));
  }
  const [probes, failures] = [sumOf(scrape, "internode_probes_total"), sumOf(scrape, "internode_probe_failures_total")];
  return {
    row: [`${peers} peers`, anonMb, memoryMb(agent.pid!, "RssAnon"), rssMb, probes, failures, scrape.length / 1024],
    anonMb,
  };
}

export async function run(): Promise<Figure> {
  using bundle = bundleAgent();
  const grown: Grown[] = [];
  for (const { peers } of BARS) grown.push(await grow(bundle.program, peers));
  return {
    tables: [
      {
        title: `Memory of the bundled agent: ICMP on two networks, TCP, UDP, path MTU, answering as many; ${SECONDS} s, a scrape every ${SCRAPE_EVERY_S} s`,
        columns: ["", "RssAnon MB, largest", "at the end", "RSS MB, largest", "probes", "failed", "KiB a scrape"],
        rows: grown.map((g) => g.row),
        note: "RSS minus RssAnon is the Node.js program itself, shared by all its processes",
      },
    ],
    bars: BARS.map(({ peers, limitMb }, i) =>
      atMost(limitMb, {
        what: `RssAnon of the bundled agent, ${peers.toLocaleString("en")} peers`,
        value: grown[i]!.anonMb,
        unit: "MB",
      }),
    ),
  };
}
