// A real Prometheus in a pod of a lab, scraping the agents of all pods.
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Lab } from "../../agent/lab/lab.ts";

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Prometheus extends AsyncDisposable {
  /** An instant query; samples in the order of Prometheus' answer. */
  query(promql: string): Promise<Sample[]>;
  /** The data of an answer of its HTTP API, by path and query. */
  data(path: string): Promise<unknown>;
}

/** Started in `node`'s pod, so that its scrapes cross only the paths from there. Ready when this resolves. */
export async function startPrometheus(lab: Lab, options: { readonly node: string; readonly scrapeSeconds: number; readonly rules?: string }): Promise<Prometheus> {
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
  const args = [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`, "--web.listen-address=127.0.0.1:9090", "--log.level=warn"];
  const child = lab.spawn(options.node, "prometheus", args, { stdio: "ignore" });
  const get = async (path: string): Promise<unknown> => {
    const code = `const r = await fetch("http://127.0.0.1:9090" + process.argv[1]); if (!r.ok) throw new Error(await r.text()); console.log(await r.text())`;
    return lab.run(options.node, process.execPath, ["--input-type=module", "-e", code, path]);
  };
  const dispose = async () => {
    const ended = once(child, "exit");
    if (child.exitCode === null && child.kill("SIGKILL")) await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  for (let tries = 0; ; tries++) {
    try {
      await get("/-/ready");
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
  const data = async (path: string): Promise<unknown> => (JSON.parse((await get(path)) as string) as { data: unknown }).data;
  return {
    data,
    async query(promql) {
      const { result } = (await data(`/api/v1/query?query=${encodeURIComponent(promql)}`)) as { result: { metric: Record<string, string>; value: [number, string] }[] };
      return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
    [Symbol.asyncDispose]: dispose,
  };
}
