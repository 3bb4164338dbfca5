// How long `internode routes` takes for many nodes, from its start to its last line: node scripts/node.mjs
// test/bench/nodes.ts [NODES]. The agent, the host views and their documents (a hundred pods a node) are real, on loopback
// addresses; the kernels are made up.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { spawn } from "node:child_process";
import { startApi } from "../../agent/api/api.ts";
import { startHostView } from "../../agent/api/host-view.ts";
import { TokenFile } from "../../agent/base/token-file.ts";
import { ScriptedAgent, SILENT_LOG } from "../api/api-mesh.ts";
import { sampleView, type SampleView } from "../support/sample-views.ts";

const NODES = Number(process.argv[2] ?? 100);
const PODS = 100;
const BAR_SECONDS = 5;
const PROGRAM = fileURLToPath(new URL("../../bin/internode.mjs", import.meta.url));

function busy(view: SampleView): SampleView {
  const [device] = view.interfaces.items;
  for (let i = 0; i < PODS; i++) {
    const name = `veth${i.toString(16).padStart(8, "0")}`;
    view.interfaces.items.push({
      ...device!,
      index: 10 + i,
      name,
      kind: "veth",
      master: "cni0",
      mtu: 1_450,
      addresses: [],
    });
    const pod = `10.244.${view.node.name.split("-")[1]}.${i + 2}`;
    view.neighbours.items.push({
      address: pod,
      device: "cni0",
      hardwareAddress: "02:00:00:00:00:ff",
      state: "reachable",
    });
  }
  return view;
}

const directory = mkdtempSync(join(tmpdir(), "internode-bench-"));
writeFileSync(join(directory, "token"), "a-token-of-this-benchmark");
const token = new TokenFile(join(directory, "token"));
await using opened = new AsyncDisposableStack();
opened.defer(() => rmSync(directory, { recursive: true }));
const nodes = Array.from({ length: NODES }, (_, i) => ({ name: `node-${i + 1}`, zone: "" }));
let bytes = 0;
const hosts = await Promise.all(
  nodes.map(async (node) => {
    const view = busy(sampleView(node, NODES));
    bytes += JSON.stringify(view).length;
    const answers = { view: () => Promise.resolve(view), token, port: 0, listen: ["127.0.0.1"], log: SILENT_LOG };
    const server = opened.use(await startHostView(answers));
    return { node, url: `http://127.0.0.1:${server.port}`, serving: true };
  }),
);
const agent = new ScriptedAgent({ nodes: NODES, zones: 1 }, nodes[0]!);
agent.hosts = hosts;
agent.apis = hosts;
const api = opened.use(await startApi({ sources: agent, port: 0, listen: ["127.0.0.1"], log: SILENT_LOG, token }));

const run = (words: readonly string[]): Promise<{ seconds: number; lines: number; headline: string }> =>
  new Promise((resolve) => {
    const begun = performance.now();
    let out = "";
    const child = spawn(process.execPath, [PROGRAM, ...words, "--url", `http://127.0.0.1:${api.port}`]);
    child.stdout.on("data", (part: Buffer) => (out += part.toString("utf8")));
    child.on("close", () =>
      resolve({
        seconds: (performance.now() - begun) / 1_000,
        lines: out.split("\n").length,
        headline: out.split("\n")[0]!,
      }),
    );
  });
for (const command of ["routes", "interfaces", "neighbours", "sockets"]) {
  const { seconds, lines, headline } = await run([command]);
  console.log(
    `${command}: ${seconds.toFixed(2)} s for ${NODES} nodes of ${Math.round(bytes / NODES / 1e3)} kB (bar ${BAR_SECONDS} s: ${seconds <= BAR_SECONDS ? "met" : "missed"}), ${lines} lines: ${headline}`,
  );
}
