// From the shipped rules to what reaches a pager: a real Prometheus and a real Alertmanager in a pod of a lab, with the
// routing that docs/alertmanager.md shows, and a webhook that tells every notification.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Lab } from "../../lab/lab.ts";
import { getInPod } from "./get-program.ts";
import { PrometheusApi } from "./prometheus-api.ts";

const RULES = fileURLToPath(new URL("../../chart/files/rules/internode.yaml", import.meta.url));
const ROUTING = fileURLToPath(new URL("../../docs/alertmanager.md", import.meta.url));
const RECEIVER_PORT = 9099;
/** What the chart pins, and what the waiting times of the rules are made for. */
const SCRAPE_INTERVAL = "15s";

export interface NotifiedAlert {
  readonly status: "firing" | "resolved";
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** When the rule began to fire, by Prometheus. */
  readonly startsAt: string;
  readonly endsAt: string;
}

export interface Notification {
  readonly atMs: number;
  readonly receiver: string;
  readonly status: "firing" | "resolved";
  readonly alerts: readonly NotifiedAlert[];
}

export interface Alerting extends AsyncDisposable {
  /** All that the webhook has got so far, in order. */
  readonly notifications: readonly Notification[];
  /** The first notification that `matches`, also one that has come already; rejects after `withinMs`. */
  notified(matches: (notification: Notification) => boolean, withinMs: number): Promise<Notification>;
  readonly prometheus: PrometheusApi;
}

// Prints the body of every POST on a line of its own.
const RECEIVER = `
  require("node:http").createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      console.log(JSON.stringify({ atMs: Date.now(), ...JSON.parse(Buffer.concat(chunks).toString()) }));
      response.end();
    });
  }).listen(${RECEIVER_PORT}, "127.0.0.1");`;

/** All three run in `node`'s pod, which no fault may hit. Ready when this resolves. */
export async function startAlerting(lab: Lab, { node }: { readonly node: string }): Promise<Alerting> {
  const folder = mkdtempSync(join(tmpdir(), "internode-alerting-"));
  writeFileSync(join(folder, "alertmanager.yml"), documentedRouting());
  // JSON is YAML.
  writeFileSync(join(folder, "prometheus.yml"), JSON.stringify(prometheusConfig(lab)));
  const receiver = lab.spawn(node, process.execPath, ["-e", RECEIVER], { stdio: ["ignore", "pipe", "inherit"] });
  const notifications: Notification[] = [];
  createInterface({ input: receiver.stdout! }).on("line", (line) =>
    notifications.push(JSON.parse(line) as Notification),
  );
  const children: readonly ChildProcess[] = [
    receiver,
    lab.spawn(
      node,
      "prometheus-alertmanager",
      [
        `--config.file=${folder}/alertmanager.yml`,
        `--storage.path=${folder}/alertmanager`,
        "--web.listen-address=127.0.0.1:9093",
        "--cluster.listen-address=",
        "--log.level=warn",
      ],
      { stdio: "ignore" },
    ),
    lab.spawn(
      node,
      "prometheus",
      [
        `--config.file=${folder}/prometheus.yml`,
        `--storage.tsdb.path=${folder}/prometheus`,
        "--web.listen-address=127.0.0.1:9090",
        "--log.level=warn",
      ],
      { stdio: "ignore" },
    ),
  ];
  const get = (url: string): Promise<string> => getInPod(lab, node, url);
  const dispose = async () => {
    await Promise.all(children.map(end));
    rmSync(folder, { recursive: true, force: true });
  };
  const until = async <T>(
    find: () => Promise<T | undefined>,
    { withinMs, what }: { readonly withinMs: number; readonly what: () => string },
  ): Promise<T> => {
    for (const endMs = Date.now() + withinMs; ;) {
      const found = await find();
      if (found !== undefined) return found;
      const dead = children.find((child) => child.exitCode !== null);
      if (dead) throw new Error(`${dead.spawnargs.join(" ")} ended with ${dead.exitCode}`);
      if (Date.now() > endMs) throw new Error(`${what()} within ${withinMs / 1000} s`);
      await sleep(250);
    }
  };
  const ready = (url: string) =>
    until(async () => get(url).catch(() => undefined), { withinMs: 60_000, what: () => `${url} did not answer` });
  try {
    await Promise.all([ready("http://127.0.0.1:9093/-/ready"), ready("http://127.0.0.1:9090/-/ready")]);
  } catch (err) {
    await dispose();
    throw err;
  }
  return {
    notifications,
    notified: (matches, withinMs) =>
      until(() => Promise.resolve(notifications.find(matches)), {
        withinMs,
        what: () => `none of ${JSON.stringify(notifications)} was the notification that should have come`,
      }),
    prometheus: new PrometheusApi((path) => get(`http://127.0.0.1:9090${path}`)),
    [Symbol.asyncDispose]: dispose,
  };
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  if (child.exitCode === null && child.signalCode === null && child.kill("SIGKILL")) await ended;
}

function prometheusConfig(lab: Lab): unknown {
  const targets = lab.nodes.map((node) => `${node.podAddresses[0]}:9843`);
  return {
    global: { scrape_interval: SCRAPE_INTERVAL, scrape_timeout: "10s", evaluation_interval: SCRAPE_INTERVAL },
    rule_files: [RULES],
    scrape_configs: [{ job_name: "internode", static_configs: [{ targets }] }],
    alerting: { alertmanagers: [{ static_configs: [{ targets: ["127.0.0.1:9093"] }] }] },
  };
}

/** What the page tells people to load, with our own receiver at the end. */
function documentedRouting(): string {
  const text = readFileSync(ROUTING, "utf8").match(/```yaml\n([\s\S]*?)```/)![1]!;
  const ours = text.replaceAll(/http:\/\/\w+\.example\//g, `http://127.0.0.1:${RECEIVER_PORT}/`);
  if (ours === text) throw new Error(`${ROUTING} shows no receiver to put ours in place of`);
  return ours;
}
