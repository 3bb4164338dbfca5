// The user's main path, on a real cluster: install with the defaults, test, upgrade, uninstall, with Helm 4 and Helm 3
// side by side in two namespaces that enforce Pod Security "restricted".
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fileURLToPath } from "node:url";
import { parseSnapshot } from "../../agent/peers/schema.ts";
import { run } from "../cluster/command.ts";
import { until } from "../cluster/until.ts";
import type { Sample } from "../support/exposition-parser.ts";
import { WHY_NOT_FOREIGN } from "./arguments.ts";
import { UDP_SETTLED_MS, untilAnswered, untilHealthy } from "./measured.ts";
import { layNetworkPolicy } from "./network-policy.ts";
import { Release } from "./release.ts";
import { namesWhere, since, slotsAmong, slotsOf, wasDead, wasHealthy } from "../support/slots.ts";
import { helms, IS_FOREIGN, report, Target } from "./target.ts";
import { watchGaps } from "./watch.ts";

const HELMS = await helms();
/** From every pod Ready to every pair measured. */
const MEASURED_LIMIT_MS = 60_000;
const HTTP_PORT = 8843;
const MAIN = fileURLToPath(new URL("../../agent/main.ts", import.meta.url));

interface Installed {
  readonly release: Release;
  /** What `helm install` printed. */
  readonly notes: string;
  /** From every pod Ready to the first look at which every slot had an answer. */
  readonly measuredMs: number;
}

let target: Target;
let nodes: readonly string[];
const releases: Release[] = [];
/** One for each Helm, all installed at once: as many meshes that must not notice each other. */
let installed: readonly Installed[];

beforeAll(async () => {
  target = await Target.open();
  for (const [i, helm] of HELMS.entries())
    releases.push(await Release.prepare(target, { helm, namespace: `internode-e2e-${i + 1}` }));
  const notes = await Promise.all(releases.map((release) => release.install()));
  nodes = await nodesToCover(releases[0]!);
  installed = await Promise.all(
    releases.map(async (release, i) => {
      await release.rolledOut();
      const readyAt = performance.now();
      await untilAnswered(release, slotsAmong(nodes), 2 * MEASURED_LIMIT_MS);
      return { release, notes: notes[i]!, measuredMs: performance.now() - readyAt };
    }),
  );
});
afterAll(async () => {
  // On a cluster of our own they go with it.
  if (IS_FOREIGN) for (const release of releases) await release.remove();
  await target?.[Symbol.asyncDispose]();
});

/** By Kubernetes' word, not by that of the agents. */
async function nodesToCover(release: Release): Promise<readonly string[]> {
  if (!IS_FOREIGN) return target.own.nodes.map(({ name }) => name).sort();
  const wanted = await release.wantedNodes();
  if (wanted < 2) throw new Error(`the cluster has ${wanted} node for agents: pairs take two`);
  return until(
    `agents on ${wanted} nodes`,
    async () => {
      const names = (await release.agents()).map(({ node }) => node);
      return names.length === wanted && names;
    },
    { timeoutMs: 180_000, intervalMs: 1_000 },
  );
}

describe.each(HELMS.map(({ name, logsTests }, i) => ({ name, logsTests, i })))(
  "installed by $name with defaults",
  ({ name, logsTests, i }) => {
    const release = (): Release => installed[i]!.release;

    test("every pair is measured over both networks within a minute of Ready", () => {
      const { measuredMs } = installed[i]!;
      report(
        `${name}: all ${slotsAmong(nodes).length} slots answered ${(measuredMs / 1000).toFixed(1)} s after every pod was Ready`,
      );
      expect(measuredMs).toBeLessThan(MEASURED_LIMIT_MS);
    });

    test("only the agents of this release are probed", async () => {
      const agents = await release().agents();
      const own = agents.map(({ address }) => address);
      for (const agent of agents) {
        const { pairs } = JSON.parse(await target.fetch(agent, { port: HTTP_PORT, path: "/api/v1/pairs" })) as {
          pairs: readonly { network: string; address: string }[];
        };
        const probed = new Set(pairs.filter(({ network }) => network === "pod").map(({ address }) => address));
        expect([...probed].sort()).toEqual(own.filter((address) => address !== agent.address).sort());
      }
    });

    test("nothing is lost, by kernel stamps, with path MTU of every pair and DNS beside it", async () => {
      const first = await release().scrapeAll();
      const counted = await untilHealthy(release(), slotsAmong(nodes));
      expect(namesWhere(counted, wasHealthy)).toEqual(slotsAmong(nodes));
      const valuesOf = (samples: readonly Sample[], metric: string) =>
        samples.filter(({ name: found }) => found === metric);
      const last = await until(
        "the path MTU of every pair",
        async () => {
          const now = await release().scrapeAll();
          return valuesOf(now, "internode_path_mtu_bytes").length === slotsAmong(nodes, ["pod"]).length && now;
        },
        { timeoutMs: 90_000, intervalMs: 1_000 },
      );
      expect(valuesOf(last, "internode_path_mtu_shortfall_bytes").map(({ value }) => value)).toEqual(
        slotsAmong(nodes, ["pod"]).map(() => 0),
      );
      const sum = (samples: readonly Sample[], metric: string) =>
        valuesOf(samples, metric).reduce((total, { value }) => total + value, 0);
      expect(sum(last, "internode_dns_lookups_total")).toBeGreaterThan(sum(first, "internode_dns_lookups_total"));
      expect(sum(last, "internode_dns_failures_total")).toBe(sum(first, "internode_dns_failures_total"));
      expect(valuesOf(last, "internode_protocol_available").map(({ value }) => value)).toEqual(
        nodes.flatMap(() => [1, 1, 1, 1]),
      );
      const stamped = (clock: string) =>
        new Set(
          valuesOf(last, "internode_timestamps_total")
            .filter(({ labels, value }) => labels["clock"] === clock && value > 0)
            .map(({ labels }) => `${labels["source_node"]} ${labels["protocol"]}`),
        );
      expect(stamped("kernel")).toEqual(
        new Set(nodes.flatMap((node) => ["icmp", "tcp", "udp"].map((protocol) => `${node} ${protocol}`))),
      );
      expect(stamped("user")).toEqual(new Set());
    });

    test("the notes say what is measured, what it will cost, and the next commands", () => {
      const { notes } = installed[i]!;
      expect(notes).toMatch(/pod network +ICMP every 1 s, TCP every 5 s, UDP every 5 s/);
      expect(notes).toMatch(/node network +ICMP every 1 s/);
      expect(notes).toMatch(new RegExp(`^ +${nodes.length} +${nodes.length * (nodes.length - 1)} `, "m"));
      expect(notes).toContain(`helm -n ${release().namespace} test internode`);
    });

    test("internode in the pod of an agent needs no shell, no address and no file named", async () => {
      const matrix = await release().internode("matrix");
      expect(matrix).toMatch(/ lost nothing in the last minute\.$/m);
      expect(await release().internode("config")).toMatch(/^discovery\.service +internode +file \S+config\.json$/m);
    });

    test("internode on this machine reaches them by the kubeconfig alone", async () => {
      const args = ["matrix", "--kubeconfig", target.kubeconfig, "--namespace", release().namespace, "-o", "json"];
      const seen = parseSnapshot(JSON.parse(await run(process.execPath, [MAIN, ...args])));
      expect(seen.rows.map((row) => row.source.name).sort()).toEqual(nodes);
      // An agent gave them all, through a port-forward.
      expect(nodes).toContain(seen.by.name);
    });

    test("helm test passes, and says what it saw where helm shows that", async () => {
      const saw = `${nodes.length} agents, ${nodes.length * (nodes.length - 1)} pairs answered: icmp on the node network, icmp on the pod network, tcp on the pod network, udp on the pod network`;
      expect(await release().test()).toMatch(new RegExp(`Phase: +Succeeded${logsTests ? `[^]*${saw}` : ""}`));
    });

    test("an upgrade replaces every agent, and no pair goes unmeasured for longer than that takes", async () => {
      const before = await release().agents();
      await using gaps = await watchGaps(
        release(),
        slotsAmong(nodes, [""]).map((pair) => pair.trim()),
      );
      const startedAt = performance.now();
      await release().upgradeTo({ config: { dns: { intervalMs: 20_000 } } });
      await release().rolledOut();
      const rolloutMs = performance.now() - startedAt;
      const after = await release().agents();
      expect(after.map(({ node }) => node)).toEqual(nodes);
      expect(after.filter(({ name: pod }) => before.some((old) => old.name === pod))).toEqual([]);
      await untilAnswered(release(), slotsAmong(nodes), MEASURED_LIMIT_MS);
      const longest = await gaps.stop();
      report(
        `${name}: rollout ${(rolloutMs / 1000).toFixed(1)} s; longest without an answer: ${longest.pair}, ${(longest.ms / 1000).toFixed(1)} s`,
      );
      // A pair is unmeasured while its source is replaced, and not while the others are.
      const batches = Math.ceil(nodes.length / (await release().replacedAtOnce()));
      expect(longest.ms).toBeLessThan((1.5 * rolloutMs) / batches);
    });
  },
);

describe.skipIf(IS_FOREIGN)(
  `the NetworkPolicy, laid as nftables rules since no CNI here enforces it (${WHY_NOT_FOREIGN})`,
  () => {
    test("everything is still measured and tested, strangers reach the metrics and nothing else", async () => {
      const [release, stranger] = releases as [Release, Release];
      const agents = await release.agents();
      const reached = async (port: number, path: string): Promise<boolean[]> =>
        Promise.all(
          (await stranger.agents()).map(async ({ name, node }) => {
            const other = agents.find((agent) => agent.node !== node)!;
            const ask = `fetch("http://${other.address}:${port}${path}", { signal: AbortSignal.timeout(3000) }).then(() => console.log("reached"), () => console.log("not reached"))`;
            return (await stranger.kubectl(["exec", name, "--", "/nodejs/bin/node", "-e", ask])).trim() === "reached";
          }),
        );
      expect(await reached(HTTP_PORT, "/healthz")).toEqual(nodes.map(() => true));

      await using policy = await layNetworkPolicy(target, release);
      expect(await reached(HTTP_PORT, "/healthz")).toEqual(nodes.map(() => false));
      expect(await reached(9843, "/metrics")).toEqual(nodes.map(() => true));
      expect(namesWhere(await untilHealthy(release, slotsAmong(nodes)), wasHealthy)).toEqual(slotsAmong(nodes));
      expect(await release.test()).toMatch(/Phase: +Succeeded/);
      expect(await policy.dropped()).toBeGreaterThan(0);
    });

    test("with its egress half, everything is still measured and the API server reached, and nothing else", async () => {
      const [release, stranger] = releases as [Release, Release];
      const cidrs = target.own.nodes.flatMap(({ plan }) =>
        plan.addresses.map((address) => `${address}/${address.includes(":") ? 128 : 32}`),
      );
      await release.upgradeTo({ networkPolicy: { egress: { enabled: true, nodes: cidrs } } });
      const dns = async (what: "lookups" | "failures"): Promise<readonly number[]> =>
        (await release.scrapeAll())
          .filter(({ name }) => name === `internode_dns_${what}_total`)
          .map(({ value }) => value);
      const [failed, lookups] = [await dns("failures"), await dns("lookups")];

      await using policy = await layNetworkPolicy(target, release);
      expect(namesWhere(await untilHealthy(release, slotsAmong(nodes)), wasHealthy)).toEqual(slotsAmong(nodes));
      await until(
        "two further lookups on every node",
        async () => (await dns("lookups")).every((count, i) => count >= lookups[i]! + 2),
        { timeoutMs: 90_000, intervalMs: 1_000 },
      );
      expect(await dns("failures")).toEqual(failed);

      const [agent] = await release.agents();
      const connects = async (host: string, port: number): Promise<boolean> => {
        const script = `require("net").connect({ host: ${host}, port: ${port}, timeout: 3000 }).on("connect", () => end(true)).on("timeout", () => end(false)).on("error", () => end(false)); function end(reached) { console.log(reached); process.exit(); }`;
        return (await release.kubectl(["exec", agent!.name, "--", "/nodejs/bin/node", "-e", script])).trim() === "true";
      };
      expect(await connects("process.env.KUBERNETES_SERVICE_HOST", 443)).toBe(true);
      const other = (await stranger.agents()).find(({ node }) => node !== agent!.node)!;
      const before = await policy.dropped();
      expect(await connects(JSON.stringify(other.address), HTTP_PORT)).toBe(false);
      expect(await policy.dropped()).toBeGreaterThan(before);
    });

    test("with ports listed in the rule for the other agents, ICMP and UDP would not pass: the rules do enforce", async () => {
      const [release] = releases as [Release];
      await using policy = await layNetworkPolicy(target, release, (rule, i) =>
        i === 0 ? { ...rule, ports: [{ port: 7843 }] } : rule,
      );
      await sleep(UDP_SETTLED_MS);
      const before = slotsOf(await release.scrapeAll());
      await sleep(12_000);
      const counted = since(before, slotsOf(await release.scrapeAll()));
      expect(namesWhere(counted, wasDead)).toEqual(slotsAmong(nodes, ["pod icmp", "pod udp"]));
      expect(namesWhere(counted, wasHealthy)).toEqual(slotsAmong(nodes, ["pod tcp", "node icmp"]));
      expect(await policy.dropped()).toBeGreaterThan(0);
    });
  },
);

test("uninstalling one release leaves nothing of it, and the other one goes on; then nothing of that", async () => {
  for (const [i, release] of releases.entries()) {
    await release.uninstall();
    let left: readonly string[] = [];
    await until("everything to be gone", async () => (left = await release.leftovers()).length === 0, {
      timeoutMs: 90_000,
      intervalMs: 1_000,
    }).catch(() => {});
    expect(left).toEqual([]);
    for (const other of releases.slice(i + 1))
      expect(namesWhere(await untilHealthy(other, slotsAmong(nodes)), wasHealthy)).toEqual(slotsAmong(nodes));
  }
});
