// The user's main path, on a real cluster: install with the defaults, test, upgrade, uninstall, with Helm 4 and Helm 3
// side by side in two namespaces that enforce Pod Security "restricted".
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../cluster/until.ts";
import { untilAnswered, untilHealthy } from "./measured.ts";
import { layNetworkPolicy } from "./network-policy.ts";
import { Release } from "./release.ts";
import { namesWhere, since, slotsAmong, slotsOf } from "./slots.ts";
import { helms, IS_FOREIGN, report, Target, WHY_NOT_FOREIGN } from "./target.ts";
import { watchGaps } from "./watch.ts";

const HELMS = await helms();
/** From every pod Ready to every pair measured. */
const MEASURED_LIMIT_MS = 60_000;

let target: Target;
let nodes: readonly string[];
/** One for each Helm, all installed at once: as many meshes that must not notice each other. */
let releases: readonly Release[];
const notes: string[] = [];

beforeAll(async () => {
  target = await Target.open();
  const namespaces = HELMS.map((_, i) => `internode-e2e-${i + 1}`);
  releases = await Promise.all(HELMS.map((helm, i) => Release.prepare(target, { helm, namespace: namespaces[i]! })));
  for (const release of releases) notes.push(await release.install());
  await Promise.all(releases.map((release) => release.rolledOut()));
  nodes = (await releases[0]!.agents()).map(({ node }) => node);
});
afterAll(async () => {
  // On our own cluster they go with it.
  if (IS_FOREIGN) await target.kubectl(["delete", "namespace", ...releases.map(({ namespace }) => namespace), "--ignore-not-found"]);
  await target?.[Symbol.asyncDispose]();
});

describe.each(HELMS.map(({ name, logsTests }, i) => ({ name, logsTests, i })))("installed by $name with defaults", ({ name, logsTests, i }) => {
  const release = (): Release => releases[i]!;

  test("every pair is measured over both networks within a minute of Ready, and of this mesh only", async () => {
    const startedAt = performance.now();
    const slots = await untilAnswered(release(), slotsAmong(nodes), MEASURED_LIMIT_MS);
    expect([...slots.keys()].sort()).toEqual(slotsAmong(nodes));
    report(`${name}: all ${slotsAmong(nodes).length} slots answered ${((performance.now() - startedAt) / 1000).toFixed(1)} s after the look began`);
  });

  test("nothing is lost, by kernel stamps, with path MTU and DNS beside it", async () => {
    const before = slotsOf(await release().scrapeAll());
    const samples = await until("path MTU and DNS to be measured", async () => {
      const now = await release().scrapeAll();
      const has = (metric: string, source: string) => now.some(({ name: found, labels, value }) => found === metric && labels["source_node"] === source && value > 0);
      return nodes.every((node) => has("internode_path_mtu_bytes", node) && has("internode_dns_lookups_total", node)) && now;
    }, { timeoutMs: 90_000, intervalMs: 1_000 });
    const total = (metric: string) => samples.filter(({ name: found }) => found === metric).reduce((sum, { value }) => sum + value, 0);
    expect(namesWhere(since(before, slotsOf(samples)), ({ failures }) => failures > 0)).toEqual([]);
    expect(total("internode_path_mtu_shortfall_bytes")).toBe(0);
    expect(total("internode_dns_failures_total")).toBe(0);
    expect(samples.filter(({ name: found, value }) => found === "internode_protocol_available" && value === 0)).toEqual([]);
    const user = samples.filter(({ name: found, labels }) => found === "internode_timestamps_total" && labels["clock"] === "user");
    expect(user.filter(({ value }) => value > 0)).toEqual([]);
  });

  test("the notes say what is measured, what it will cost, and the next commands", () => {
    expect(notes[i]).toMatch(/pod network +ICMP every 1 s, TCP every 5 s, UDP every 5 s/);
    expect(notes[i]).toMatch(/node network +ICMP every 1 s/);
    expect(notes[i]).toMatch(new RegExp(`^ +${nodes.length} +${nodes.length * (nodes.length - 1)} `, "m"));
    expect(notes[i]).toContain("helm -n " + release().namespace + " test internode");
  });

  test("helm test passes, and says what it saw where helm shows that", async () => {
    const saw = `${nodes.length} agents, ${nodes.length * (nodes.length - 1)} pairs answered: icmp on the node network, icmp on the pod network, tcp on the pod network, udp on the pod network`;
    expect(await release().test()).toMatch(new RegExp(`Phase: +Succeeded${logsTests ? `[^]*${saw}` : ""}`));
  });

  test("an upgrade replaces every agent, and no pair goes unmeasured for longer than that takes", async () => {
    const before = await release().agents();
    const gaps = watchGaps(release());
    const startedAt = performance.now();
    await release().upgradeTo({ config: { dns: { intervalMs: 20_000 } } });
    await release().rolledOut();
    const rolloutMs = performance.now() - startedAt;
    const after = await release().agents();
    expect(after.map(({ node }) => node)).toEqual(nodes);
    expect(after.map(({ name: pod }) => pod).filter((pod) => before.some((old) => old.name === pod))).toEqual([]);
    await untilAnswered(release(), slotsAmong(nodes), MEASURED_LIMIT_MS);
    const longest = await gaps.stop();
    report(`${name}: rollout ${(rolloutMs / 1000).toFixed(1)} s; longest without an answer: ${longest.pair}, ${(longest.ms / 1000).toFixed(1)} s`);
    expect([...gaps.pairs].sort()).toEqual(slotsAmong(nodes, [""]).map((pair) => pair.trim()));
    expect(longest.ms).toBeLessThan(rolloutMs);
    expect((await release().scrape(after[0]!)).find(({ name: found, labels }) => found === "internode_probe_interval_seconds" && labels["protocol"] === "icmp")?.value).toBe(1);
  });
});

describe.skipIf(IS_FOREIGN)(`the NetworkPolicy, laid as nftables rules since no CNI here enforces it (${WHY_NOT_FOREIGN})`, () => {
  test("everything is still measured and tested, strangers reach the metrics and nothing else", async () => {
    const [release, stranger] = releases as [Release, Release];
    const agents = await release.agents();
    const reached = async (port: number, path: string): Promise<boolean[]> =>
      Promise.all((await stranger.agents()).map(async ({ name, node }) => {
        const other = agents.find((agent) => agent.node !== node)!;
        const ask = `fetch("http://${other.address}:${port}${path}", { signal: AbortSignal.timeout(3000) }).then(() => console.log("reached"), () => console.log("not reached"))`;
        return (await stranger.kubectl(["exec", name, "--", "/nodejs/bin/node", "-e", ask])).trim() === "reached";
      }));
    expect(await reached(8843, "/healthz")).toEqual(nodes.map(() => true));

    await using policy = await layNetworkPolicy(target, release);
    expect(await reached(8843, "/healthz")).toEqual(nodes.map(() => false));
    expect(await reached(9843, "/metrics")).toEqual(nodes.map(() => true));
    await untilHealthy(release, slotsAmong(nodes));
    expect(await release.test()).toMatch(/Phase: +Succeeded/);
    expect(await policy.dropped()).toBeGreaterThan(0);
  });
});

test("uninstalling one release leaves nothing of it, and the other one goes on; then nothing of that", async () => {
  for (const [i, release] of releases.entries()) {
    const rest = releases.slice(i + 1);
    const before = await Promise.all(rest.map(async (other) => slotsOf(await other.scrapeAll())));
    await release.uninstall();
    await until("its pods to have ended", async () => (await release.agents()).length === 0 && (await release.leftovers()).every((name) => !name.startsWith("Pod ")), { timeoutMs: 90_000, intervalMs: 1_000 });
    expect(await release.leftovers()).toEqual([]);
    for (const [k, other] of rest.entries()) {
      const grown = since(before[k]!, slotsOf(await other.scrapeAll()));
      expect(namesWhere(grown, ({ network, protocol, answers, failures }) => network === "node" && protocol === "icmp" && answers > 0 && failures === 0)).toEqual(slotsAmong(nodes, ["node icmp"]));
    }
  }
});
