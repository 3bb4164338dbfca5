import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createLab, type Lab } from "../../lab/lab.ts";
import { startPrometheus, type Prometheus } from "../support/prometheus.ts";
import type { Sample } from "../support/prometheus-api.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("namespaces", "prometheus");

const pairName = ({ labels }: Sample) => `${labels["source_node"]}>${labels["destination_node"]}`;
const byPair = (samples: readonly Sample[]) => Object.fromEntries(samples.map((s) => [pairName(s), s.value]));

describe("what a real Prometheus holds", () => {
  let lab: Lab;
  let prometheus: Prometheus;
  beforeAll(async () => {
    const settings = {
      icmp: { intervalMs: 500, timeoutMs: 490 },
      tcp: { networks: [] },
      // The answering end is a process: on a busy machine it may wait a second for the processor, and that is no loss.
      udp: { intervalMs: 2_000, timeoutMs: 1_990 },
      pathMtu: { enabled: false },
    };
    lab = await createLab({ nodes: 3, zones: 3, settings });
    prometheus = await startPrometheus(lab, { node: "node-3", scrapeSeconds: 2 });
    // Every target scraped twice, at least: rates and first probes are there.
    for (let tries = 0; (await prometheus.api.query("count_over_time(up[1m]) >= 2")).length < 3; tries++) {
      if (tries > 100) throw new Error("Prometheus does not reach all agents");
      await sleep(300);
    }
  });
  afterAll(async () => {
    await prometheus?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  test("is every pair on every network, answered and lossless, before anything is broken", async () => {
    expect(await prometheus.api.query("up")).toHaveLength(3);
    expect((await prometheus.api.query("up == 1")).length).toBe(3);
    const probes = await prometheus.api.query("internode_probes_total");
    // Six ordered pairs: ICMP on both networks, UDP on one.
    expect(probes).toHaveLength(18);
    expect(probes.every((s) => s.value > 0)).toBe(true);
    expect((await prometheus.api.query("internode_probe_failures_total > 0")).map(pairName)).toEqual([]);
    // UDP's delays come with the next reply; an ICMP answer has its own, but for the rare one in doubt.
    const delays = 'internode_rtt_seconds_count{protocol="icmp"}';
    expect(
      await prometheus.api.query(`${delays} <= internode_probes_total and ${delays} > 0.8 * internode_probes_total`),
    ).toHaveLength(12);
  });

  const losses = async () => ({
    icmp: byPair(await prometheus.api.query('internode_probe_failures_total{protocol="icmp", network="pod"}')),
    forward: byPair(await prometheus.api.query('internode_directional_lost_total{direction="forward"}')),
    reverse: byPair(await prometheus.api.query('internode_directional_lost_total{direction="reverse"}')),
  });
  const total = ({ icmp, forward, reverse }: Awaited<ReturnType<typeof losses>>): number =>
    icmp["node-1>node-2"]! + icmp["node-2>node-1"]! + forward["node-1>node-2"]! + reverse["node-2>node-1"]!;

  test("is exactly what was injected on one way of one link, in the right direction", async () => {
    const before = total(await losses());
    await lab.inject("loss node-1->node-2 50% on pod");
    await sleep(15_000);
    const [fault] = await lab.clear();
    await sleep(8_000);

    // Agents ask each other for rows over TCP, whose segments were dropped as well and are no probes.
    const { icmp: echoes, udp: datagrams } = fault!.counters!.byProtocol as { icmp: number; udp: number };
    const dropped = echoes + datagrams;
    const lost = await losses();
    const { icmp, forward, reverse } = lost;
    const unknown = await prometheus.api.query('internode_directional_lost_total{direction="unknown"} > 0');
    expect(dropped).toBeGreaterThan(15);
    // The echo requests of 1 to 2 and the echo replies to 2's requests both crossed the lossy way, and UDP likewise.
    expect(total(lost) - before).toBe(dropped);
    expect(icmp["node-1>node-2"]).toBeGreaterThan(0);
    expect(icmp["node-2>node-1"]).toBeGreaterThan(0);
    // No loss claims the healthy direction, another pair, or the node network.
    expect([reverse["node-1>node-2"], forward["node-2>node-1"]]).toEqual([0, 0]);
    expect(unknown).toEqual([]);
    expect((await prometheus.api.query('sum(internode_probe_failures_total{network="node"})'))[0]!.value).toBe(0);
    const failing = new Set((await prometheus.api.query("internode_probe_failures_total > 0")).map(pairName));
    expect([...failing].sort()).toEqual(["node-1>node-2", "node-2>node-1"]);
    expect((await prometheus.api.query("internode_probe_failures_total > internode_probes_total")).length).toBe(0);
  });

  test("agrees with the destination's own count of what arrived", async () => {
    const sent = byPair(
      await prometheus.api.query('internode_probes_total{protocol="udp"} - internode_probe_failures_total'),
    );
    const lostOnTheWayBack = byPair(
      await prometheus.api.query('internode_directional_lost_total{direction="reverse"}'),
    );
    const arrived = byPair(await prometheus.api.query("internode_udp_received_total"));
    for (const [pair, answered] of Object.entries(sent)) {
      // A probe may be under way, or scraped on one side only.
      expect(Math.abs(arrived[pair]! - (answered + lostOnTheWayBack[pair]!)), pair).toBeLessThanOrEqual(8);
    }
  });
});
