// What a person waits for the command line: `version`, and `matrix` of a large mesh whose agent answers at once. As one
// executable, from npm's package, as the image carries it and from a checkout.
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { judgeSnapshot } from "../../agent/diagnosis/judge-snapshot.ts";
import { VERSION } from "../../agent/model/version.ts";
import type { Snapshot } from "../../agent/model/snapshot.ts";
import { sampleNodes, sampleRow } from "../support/sample-mesh.ts";
import { bundleAgent } from "./bundle.ts";
import { withRoutes } from "./evidence.ts";
import { atMost, below, quantile, type Bar, type Cell, type Figure } from "./table.ts";

const NODES = 500;
/** Above 100 nodes an agent probes 24 peers of the ring, and some across zones. */
const PEERS = 30;
const TIMES = 5;
const VERSION_MS = 150;
const MATRIX_S = 3;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** One node has lost a tenth with everybody, so that there is something to find and to tell. */
function largeMesh(): Snapshot {
  const nodes = sampleNodes({ nodes: NODES, zones: 5 });
  const [bad] = nodes;
  const rows = nodes.map((source, i) => {
    const probed = Array.from({ length: PEERS }, (_, step) => nodes[(i + 1 + step) % NODES]!);
    const loss = probed.flatMap(({ name }) => [
      ...(name === bad!.name ? [{ from: source.name, to: name, ratio: 0.1 }] : []),
      ...(source.name === bad!.name ? [{ from: source.name, to: name, ratio: 0.1 }] : []),
    ]);
    return withRoutes(sampleRow({ nodes: NODES, zones: 5, loss }, source, [source, ...probed]));
  });
  return { schemaVersion: 1, at: rows[0]!.at, by: nodes[0]!, nodes, rows, missing: [] };
}

/** An agent's API as far as `matrix` asks it, which has everything ready. */
async function serve(documents: Readonly<Record<string, string>>): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((req, res) => {
    const document = documents[req.url!.split("?")[0]!];
    res.writeHead(document === undefined ? 404 : 200).end(document);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () => new Promise((closed) => server.close(() => closed())),
  };
}

const timed = (program: readonly string[], words: readonly string[]): Promise<{ ms: number; out: string }> =>
  new Promise((resolve, reject) => {
    const [file, ...first] = program;
    const began = performance.now();
    execFile(file!, [...first, ...words], { maxBuffer: 256 << 20 }, (err, out) => {
      // 1 is its answer: something is broken.
      if (err !== null && err.code !== 1) reject(err);
      else resolve({ ms: performance.now() - began, out });
    });
  });

async function times(program: readonly string[], words: readonly string[]): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < TIMES; i++) {
    const { ms, out } = await timed(program, words);
    if (!out.includes(words[0] === "version" ? "internode " : `${NODES} of ${NODES} rows`))
      throw new Error(`${words.join(" ")} printed something else: ${out.slice(0, 200)}`);
    all.push(ms);
  }
  return all;
}

export async function run(): Promise<Figure> {
  const folder = mkdtempSync(join(tmpdir(), "internode-bench-cli-"));
  using removed = new DisposableStack();
  removed.defer(() => rmSync(folder, { recursive: true, force: true }));
  const executable = join(folder, "internode");
  const script = join(ROOT, "scripts/executable.mjs");
  // What it says of notes that it does not know is no news here; where it fails, the error carries it.
  execFileSync(process.execPath, [script, "--out", executable], { stdio: ["ignore", "ignore", "pipe"] });
  const pack = join(ROOT, "scripts/npm-package.mjs");
  execFileSync(process.execPath, [pack, "--out", folder], { stdio: ["ignore", "ignore", "pipe"] });
  execFileSync("tar", ["-xzf", join(folder, `internode-${VERSION}.tgz`), "-C", folder]);
  using bundle = bundleAgent();
  const mesh = largeMesh();
  await using agent = await serve({
    "/api/v1/mesh": JSON.stringify(mesh),
    "/api/v1/verdict": JSON.stringify(judgeSnapshot(mesh)),
  });
  const rows: Cell[][] = [];
  const bars: Bar[] = [];
  for (const { name, program } of [
    { name: "one executable", program: [executable] },
    { name: "npm's package", program: [process.execPath, join(folder, "package/internode.cjs")] },
    { name: "in the image", program: bundle.program },
    { name: "from a checkout", program: [process.execPath, join(ROOT, "bin/internode.mjs")] },
  ]) {
    const version = await times(program, ["version"]);
    const matrix = await times(program, ["matrix", "--url", agent.url]);
    const median = (all: readonly number[]): number => quantile(all, 0.5);
    rows.push([name, ...[version, matrix].flatMap((all) => [Math.round(median(all)), Math.round(Math.max(...all))])]);
    bars.push(
      atMost(VERSION_MS, { what: `'version', ${name}`, value: Math.round(median(version)), unit: "ms" }),
      below(MATRIX_S, { what: `'matrix' of ${NODES} nodes, ${name}`, value: median(matrix) / 1_000, unit: "s" }),
    );
  }
  return {
    tables: [
      {
        title: `The command line, from its start to its end: ${TIMES} times each, and ${NODES} nodes that probe ${PEERS} each`,
        columns: ["", "version ms", "slowest", "matrix ms", "slowest"],
        rows,
        note: "the agent's answer lies ready; in a cluster gathering the rows comes on top",
      },
    ],
    bars,
  };
}
