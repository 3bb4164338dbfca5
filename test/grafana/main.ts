// Pictures of the dashboards' panels for the documentation: a real mesh with a lossy path and a silent agent, a real
// Prometheus, and Grafana's own panels in Chromium. Grafana's packages (450 MB) are installed here, and only for this.
//
//   npm run dashboards:pictures
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { PromQueryFormat } from "@grafana/grafana-foundation-sdk/prometheus";
import { dashboards, toJson } from "../../dashboards/all.ts";
import { BUILT_IN, fill, queriesOf } from "../dashboards/queries.ts";
import type { Prometheus } from "../support/prometheus.ts";
import { startWatchedMesh } from "../support/watched-mesh.ts";
import { launchChromium } from "../../scripts/chromium.ts";
import { readOptions } from "../../scripts/command-line.ts";
import { bundle, draw } from "./drawing.ts";
import type { Answer, Picture, Result } from "./picture.ts";

readOptions(
  "dashboards:pictures",
  `Takes pictures of the dashboards' panels for docs/dashboards.md: npm run dashboards:pictures. It has no options.
Fetches Grafana's packages (450 MB) once, and needs root.`,
  {},
);

const here = fileURLToPath(new URL(".", import.meta.url));
const images = fileURLToPath(new URL("../../docs/images/", import.meta.url));
const LARGEST_BYTES = 150_000;
const MESH = {
  network: "pod",
  protocol: ".*",
  source_zone: ".*",
  destination_zone: ".*",
  from_node: ".*",
  to_node: ".*",
};
const PAIR = { source: "node-2", destination: "node-4" };

const PICTURES = [
  { name: "zones-loss", dashboard: "mesh", panel: "Loss, zone to zone", width: 620, height: 230, values: MESH },
  { name: "mesh-loss", dashboard: "mesh", panel: "Loss, node to node", width: 900, height: 350, values: MESH },
  { name: "mesh-rtt", dashboard: "mesh", panel: "Round trip, node to node", width: 900, height: 350, values: MESH },
  { name: "worst-pairs", dashboard: "mesh", panel: "Worst pairs", width: 900, height: 380, values: MESH },
  {
    name: "pair-loss",
    dashboard: "pair",
    panel: "Loss, $source → $destination",
    width: 900,
    height: 330,
    values: PAIR,
  },
  {
    name: "pair-rtt",
    dashboard: "pair",
    panel: "ICMP round trip, $source → $destination",
    width: 900,
    height: 330,
    values: PAIR,
  },
  {
    name: "pair-direction",
    dashboard: "pair",
    panel: "UDP packets that died on the way $source → $destination",
    width: 900,
    height: 330,
    values: PAIR,
  },
  {
    name: "node-peers",
    dashboard: "node",
    panel: "Every peer of $node",
    width: 1_000,
    height: 300,
    values: { node: "node-2" },
  },
] as const;

install();
const script = await bundle();
const pictures = await readPictures();
await using browser = await launchChromium();
mkdirSync(images, { recursive: true });
for (const [name, picture] of pictures) {
  const path = join(images, `grafana-${name}.png`);
  writeFileSync(path, await draw(browser, script, picture));
  const { size } = statSync(path);
  if (size > LARGEST_BYTES) throw new Error(`${path} has ${size} bytes, more than ${LARGEST_BYTES}: draw it smaller`);
  console.log(`${path} ${size} bytes`);
}

/** Grafana's packages, once for each lock. */
function install(): void {
  const stamp = join(here, "node_modules/.lock-hash");
  const wanted = createHash("sha256")
    .update(readFileSync(join(here, "package-lock.json")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: here,
    stdio: "inherit",
  });
  writeFileSync(stamp, wanted);
}

/** A path that loses on one way, and an agent that has fallen silent. */
async function readPictures(): Promise<readonly (readonly [name: string, Picture])[]> {
  await using mesh = await startWatchedMesh({ nodes: 6, zones: 3, scrapes: 13 });
  const { lab, prometheus } = mesh;
  await lab.inject(`loss ${PAIR.source}->${PAIR.destination} 20% on pod`);
  await lab.inject("freeze node-6");
  await sleep(75_000);
  const pictures: [string, Picture][] = [];
  for (const wanted of PICTURES) pictures.push([wanted.name, await readPanel(prometheus, wanted)]);
  return pictures;
}

async function readPanel(
  prometheus: Prometheus,
  { dashboard, panel: title, width, height, values }: (typeof PICTURES)[number],
): Promise<Picture> {
  const chosen = { ...BUILT_IN, cluster: "", datasource: "prometheus", window: "2m", ...values };
  const queries = queriesOf(JSON.parse(toJson(dashboards[dashboard]!)) as Dashboard).filter(
    ({ panel }) => panel.title === title,
  );
  if (queries.length === 0) throw new Error(`${dashboard} has no panel '${title}'`);
  const toMs = Date.now();
  const [fromMs, stepSeconds] = [toMs - 180_000, 5];
  const answers: Answer[] = [];
  for (const { target } of queries) {
    const query = encodeURIComponent(fill(target.expr, chosen));
    const path = target.range
      ? `/api/v1/query_range?query=${query}&start=${fromMs / 1000}&end=${toMs / 1000}&step=${stepSeconds}`
      : `/api/v1/query?query=${query}`;
    const { result } = await prometheus.api.data<{ result: Result[] }>(path);
    answers.push({
      refId: String(target.refId),
      table: target.format === PromQueryFormat.Table,
      legend: target.legendFormat ?? "",
      result,
    });
  }
  return { panel: queries[0]!.panel, title: fill(title, chosen), answers, fromMs, toMs, width, height };
}
