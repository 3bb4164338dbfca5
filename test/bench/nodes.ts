// How long the commands take that read every node (`internode routes` and the others), from start to last line. The agent,
// the host views and their documents (a hundred pods a node) are real, on loopback; the kernels are made up.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startApi } from "../../agent/api/api.ts";
import { startHostView } from "../../agent/api/host-view.ts";
import { TokenFile } from "../../agent/base/token-file.ts";
import { ScriptedAgent, SILENT_LOG } from "../api/api-mesh.ts";
import { sampleView, type SampleView } from "../support/sample-views.ts";
import { atMost, quantile, type Figure } from "./table.ts";

const NODES = 100;
const PODS = 100;
const TIMES = 3;
const BAR_SECONDS = 5;
const PROGRAM = fileURLToPath(new URL("../../bin/internode.mjs", import.meta.url));
const COMMANDS = ["routes", "interfaces", "neighbours", "counters", "sockets"] as const;

export async function run(): Promise<Figure> {
  await using agent = await startNodes();
  const timed = [];
  for (const command of COMMANDS) {
    const seconds: number[] = [];
    for (let i = 0; i < TIMES; i++) seconds.push(await secondsOf([command, "--url", agent.url]));
    timed.push({ command, median: quantile(seconds, 0.5), slowest: Math.max(...seconds) });
  }
  return {
    tables: [
      {
        title: `Commands that read every node: ${NODES} nodes of ${PODS} pods, ${Math.round(agent.bytes / NODES / 1e3)} kB each, ${TIMES} times`,
        columns: ["internode", "s", "slowest"],
        rows: timed.map(({ command, median, slowest }) => [command, median, slowest]),
        note: "from a checkout; counters includes the time that it waits between two readings; in a cluster the network comes on top",
      },
    ],
    bars: timed.map(({ command, median }) =>
      atMost(BAR_SECONDS, { what: `'${command}' of ${NODES} nodes`, value: median, unit: "s" }),
    ),
  };
}

/** An agent that knows so many nodes, each with a host view of its own. */
async function startNodes(): Promise<AsyncDisposable & { readonly url: string; readonly bytes: number }> {
  await using opened = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), "internode-bench-"));
  opened.defer(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "token"), "a-token-of-this-benchmark");
  const token = new TokenFile(join(directory, "token"));
  const nodes = Array.from({ length: NODES }, (_, i) => ({ name: `node-${i + 1}`, zone: "" }));
  let bytes = 0;
  const hosts = await Promise.all(
    nodes.map(async (node) => {
      const view = withPods(sampleView(node, NODES));
      bytes += JSON.stringify(view).length;
      const answers = { view: () => Promise.resolve(view), token, port: 0, listen: ["127.0.0.1"], log: SILENT_LOG };
      const server = opened.use(await startHostView(answers));
      return { node, url: `http://127.0.0.1:${server.port}`, serving: true };
    }),
  );
  const sources = new ScriptedAgent({ nodes: NODES, zones: 1 }, nodes[0]!);
  sources.hosts = hosts;
  sources.apis = hosts;
  const { port } = opened.use(await startApi({ sources, port: 0, listen: ["127.0.0.1"], log: SILENT_LOG, token }));
  const kept = opened.move();
  return { url: `http://127.0.0.1:${port}`, bytes, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

function withPods(view: SampleView): SampleView {
  const [device] = view.interfaces.items;
  for (let i = 0; i < PODS; i++) {
    const name = `veth${i.toString(16).padStart(8, "0")}`;
    const index = 10 + i;
    view.interfaces.items.push({ ...device!, index, name, kind: "veth", master: "cni0", mtu: 1_450, addresses: [] });
    const address = `10.244.${view.node.name.split("-")[1]}.${i + 2}`;
    const hardwareAddress = "02:00:00:00:00:ff";
    view.neighbours.items.push({ address, device: "cni0", hardwareAddress, state: "reachable" });
  }
  return view;
}

/** Throws when it does not tell of all nodes. */
const secondsOf = (words: readonly string[]): Promise<number> =>
  new Promise((resolve, reject) => {
    const begun = performance.now();
    execFile(process.execPath, [PROGRAM, ...words], { maxBuffer: 64 << 20 }, (err, out, said) => {
      const seconds = (performance.now() - begun) / 1_000;
      if (out.includes(`${NODES} nodes compared`)) resolve(seconds);
      else reject(new Error(`internode ${words.join(" ")}: ${said}${out.slice(0, 200)}`, { cause: err }));
    });
  });
