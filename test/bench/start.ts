// From the start of the process to its first complete row: every slot has completed a probe.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Row } from "../../agent/model/snapshot.ts";
import { enterNamespace } from "../support/enter-namespace.ts";
import type { VethPair } from "../support/veth.ts";
import { bundleAgent } from "./bundle.ts";
import { converse } from "./conversation.ts";
import { fetchText } from "./scraped.ts";
import { meshFiles, peerAddresses, routedPair } from "./static-mesh.ts";
import { below, type Cell, type Figure } from "./table.ts";

const PEERS = 100;
/** Four slots a peer: all protocols on the pod network, ICMP on the node network. */
const SLOTS = 4 * PEERS;
const LIMIT_S = 2;
const GIVE_UP_S = 30;
const MAIN = fileURLToPath(new URL("../../agent/main.ts", import.meta.url));
const FAR = fileURLToPath(new URL("./far.worker.ts", import.meta.url));

interface Start {
  readonly answersS: number;
  readonly completeS: number;
}

async function start(pair: VethPair, program: readonly string[]): Promise<Start> {
  using files = meshFiles({
    address: pair.nearIp,
    peers: PEERS,
    nodeNetwork: true,
    settings: { dns: { enabled: false } },
  });
  using there = new DisposableStack();
  there.use(enterNamespace(pair.near));
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  const agent = pair.start(pair.near, ...program, "agent", "--config", files.configFile);
  agent.stdout!.resume();
  agent.stderr!.resume();
  let answersS = NaN;
  let completeS = NaN;
  while (seconds() < GIVE_UP_S) {
    const row = await fetchText("http://127.0.0.1:8843/api/v1/pairs").then(
      (text) => JSON.parse(text) as Row,
      () => undefined,
    );
    if (row !== undefined && Number.isNaN(answersS)) answersS = seconds();
    if (row?.pairs.length === SLOTS && row.pairs.every((pair) => pair.window.probes > 0)) {
      completeS = seconds();
      break;
    }
    await sleep(20);
  }
  agent.kill("SIGKILL");
  await once(agent, "exit");
  return { answersS, completeS };
}

export async function run(): Promise<Figure> {
  using pair = routedPair(2 * PEERS);
  using bundle = bundleAgent();
  await using far = converse(pair.start(pair.far, process.execPath, FAR, peerAddresses(PEERS).pod.join(",")));
  await far.heard();
  const rows: Cell[][] = [];
  const bundled: number[] = [];
  const shipped = bundle.program;
  for (const { name, program, times } of [
    { name: "internode, bundled", program: shipped, times: 3 },
    { name: "internode, from source", program: [process.execPath, MAIN], times: 1 },
  ]) {
    for (let i = 0; i < times; i++) {
      const { answersS, completeS } = await start(pair, program);
      if (program === shipped) bundled.push(completeS);
      rows.push([name, answersS, completeS]);
    }
  }
  return {
    tables: [
      {
        title: `From the start of the process to its first complete row, ${PEERS} peers, ${SLOTS} slots`,
        columns: ["", "API answers after s", "row complete after s"],
        rows,
      },
    ],
    bars: [below(LIMIT_S, { what: "start to first complete row, slowest", value: Math.max(...bundled), unit: "s" })],
  };
}
