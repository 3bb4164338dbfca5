// A mesh of real agents with DNS, scraped by a real Prometheus that has the rules: what dashboards are read against.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createLab, type Lab } from "../../lab/lab.ts";
import { planLab } from "../../lab/plan.ts";
import { startPrometheus, type Prometheus } from "./prometheus.ts";

export interface WatchedMesh extends AsyncDisposable {
  readonly lab: Lab;
  readonly prometheus: Prometheus;
}

const NAME = "kubernetes.default.svc.cluster.local";
const DNS_NODE = "node-1";

/** The shipped rules, evaluated as often as this Prometheus scrapes, and judging pairs of 15 s instead of 2 minutes. */
function hastyRules(): string {
  const shipped = readFileSync(new URL("../../chart/files/rules/internode.yaml", import.meta.url), "utf8");
  return shipped
    .replace(/interval: (15s|30s|1m|2m)$/gm, "interval: 5s")
    .replaceAll("offset 2m", "offset 15s")
    .replaceAll("offset 90s", "offset 10s");
}

/** Ready when every agent has been scraped `scrapes` times, each 5 s, and the rules have judged its pairs. */
export async function startWatchedMesh({
  scrapes: wanted,
  ...options
}: {
  readonly nodes: number;
  readonly zones: number;
  readonly scrapes: number;
}): Promise<WatchedMesh> {
  await using made = new AsyncDisposableStack();
  const server = planLab("000000", { ...options, ipv6: false }).nodes.find(({ name }) => name === DNS_NODE)!
    .podAddresses[0]!;
  const settings = {
    tcp: { intervalMs: 1_000, timeoutMs: 900 },
    udp: { intervalMs: 1_000, timeoutMs: 900 },
    pathMtu: { intervalMs: 10_000 },
    dns: {
      intervalMs: 1_000,
      timeoutMs: 900,
      names: [NAME],
      servers: [{ label: "cluster" as const, address: server }],
    },
  };
  const lab = made.use(await createLab({ ...options, servicePath: true, settings }));
  lab.spawn(
    DNS_NODE,
    "dnsmasq",
    [
      // As who we are: in a user namespace there is nobody else.
      "--no-daemon",
      "--no-resolv",
      "--no-hosts",
      "--conf-file=/dev/null",
      "--pid-file=",
      `--host-record=${NAME},10.96.0.1,fd00::1`,
    ],
    { stdio: "ignore" },
  );
  const prometheus = made.use(await startPrometheus(lab, { node: "node-2", scrapeSeconds: 5, rules: hastyRules() }));
  const judged = options.nodes * 2 * 2;
  for (let tries = 0; ; tries++) {
    const [[scrapes], pairs] = await Promise.all([
      prometheus.api.query("min(count_over_time(internode_mesh_size[2m]))"),
      prometheus.api.query("internode:node_pairs:count"),
    ]);
    if ((scrapes?.value ?? 0) >= wanted && pairs.length >= judged) break;
    if (tries > 80)
      throw new Error(
        `the mesh is not watched: ${scrapes?.value ?? 0} scrapes of ${wanted}, ${pairs.length} judgements of ${judged}`,
      );
    await sleep(2_000);
  }
  const kept = made.move();
  return { lab, prometheus, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
