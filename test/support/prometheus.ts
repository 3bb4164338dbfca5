// A real Prometheus in a pod of a lab, scraping the agents of all pods.
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Lab } from "../../lab/lab.ts";
import { getInPod } from "./get-program.ts";
import { PrometheusApi } from "./prometheus-api.ts";

export interface Prometheus extends AsyncDisposable {
  readonly api: PrometheusApi;
}

/** Started in `node`'s pod, so that its scrapes cross only the paths from there. Ready when this resolves. */
export async function startPrometheus(
  lab: Lab,
  options: { readonly node: string; readonly scrapeSeconds: number; readonly rules?: string },
): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), "internode-prometheus-"));
  const targets = lab.nodes.map((node) => `${node.podAddresses[0]}:9843`);
  const config = {
    global: { scrape_interval: `${options.scrapeSeconds}s`, scrape_timeout: `${options.scrapeSeconds}s` },
    scrape_configs: [{ job_name: "internode", static_configs: [{ targets }] }],
  };
  const rules = options.rules === undefined ? {} : { rule_files: [join(folder, "rules.yaml")] };
  if (options.rules !== undefined) writeFileSync(join(folder, "rules.yaml"), options.rules);
  // JSON is YAML.
  writeFileSync(join(folder, "prometheus.yml"), JSON.stringify({ ...config, ...rules }));
  const args = [
    `--config.file=${folder}/prometheus.yml`,
    `--storage.tsdb.path=${folder}/data`,
    "--web.listen-address=127.0.0.1:9090",
    "--log.level=warn",
  ];
  const child = lab.spawn(options.node, "prometheus", args, { stdio: "ignore" });
  const api = new PrometheusApi((path) => getInPod(lab, options.node, `http://127.0.0.1:9090${path}`));
  const dispose = async () => {
    const ended = once(child, "exit");
    if (child.exitCode === null && child.kill("SIGKILL")) await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  for (let tries = 0; ; tries++) {
    try {
      await api.ready();
      break;
    } catch (err) {
      if (tries < 50 && child.exitCode === null) {
        await sleep(200);
        continue;
      }
      await dispose();
      throw err;
    }
  }
  return { api, [Symbol.asyncDispose]: dispose };
}
