// The service path in a real mesh: real agents, and a Service whose address nftables replaces on every node.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createLab, type Lab } from "../../lab/lab.ts";
import { untilAnswering } from "../../lab/gateways.ts";
import { parseRow } from "../../agent/peers/schema.ts";
import type { Row } from "../../agent/model/snapshot.ts";
import { fetchSocket } from "../support/fetch-socket.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("namespaces");

const NODES = ["node-1", "node-2", "node-3"];
const DEADLINE_MS = 60_000;

describe.each(["kernel", "userspace"] as const)("with engine %s", (engine) => {
  let lab: Lab;
  beforeAll(async () => {
    const often = { intervalMs: 500, timeoutMs: 400 };
    lab = await createLab({
      nodes: 3,
      ipv6: true,
      servicePath: true,
      settings: { engine, servicePath: often, tcp: often, icmp: { networks: [] } },
    });
    const signal = AbortSignal.timeout(DEADLINE_MS);
    for (const node of NODES) await untilAnswering(lab, node, { signal });
  });
  afterEach(async () => void (await lab?.clear()));
  afterAll(() => lab?.[Symbol.asyncDispose]());

  const rowOf = async (node: string): Promise<Row> =>
    parseRow(await fetchSocket(lab.target(node, "http").path, "/api/v1/pairs"), { name: node, zone: "" });
  const scrapedLines = async (node: string, name: string): Promise<readonly string[]> =>
    (await fetchSocket(lab.target(node, "metrics").path, "/metrics"))
      .split("\n")
      .filter((line) => line.startsWith(`${name}{`));
  const metricOf = async (node: string, name: string, label = ""): Promise<number> => {
    const lines = (await scrapedLines(node, name)).filter((line) => line.includes(label));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  };
  const until = async (what: () => Promise<boolean>): Promise<void> => {
    const started = performance.now();
    while (!(await what())) {
      if (performance.now() - started > DEADLINE_MS) throw new Error(`not within a minute: ${what.toString()}`);
      await sleep(200);
    }
  };
  const failures = (node: string) => metricOf(node, "internode_service_failures_total");

  test("every agent is answered at every address, with a round trip, and loses nothing", async () => {
    // Agents that began first may have met others that did not listen yet.
    const before = new Map(await Promise.all(NODES.map(async (node) => [node, await failures(node)] as const)));
    for (const node of NODES) {
      await until(async () => (await metricOf(node, "internode_service_rtt_seconds_count")) >= 20);
      expect(await failures(node)).toBe(before.get(node));
      const { servicePath } = await rowOf(node);
      expect(servicePath).toMatchObject({
        paths: [
          { service: "agents", family: "ipv4", address: "10.96.0.7" },
          { service: "agents", family: "ipv6", address: "fd00:10:96::7" },
        ],
        unresolved: [],
      });
      for (const { rttMeanNs } of servicePath!.paths) expect(rttMeanNs).toBeGreaterThan(0);
    }
  });

  test("a node whose service path is cut fails alone, while its pods are reached, and recovers", async () => {
    const others = NODES.filter((node) => node !== "node-2");
    const before = new Map(await Promise.all(NODES.map(async (node) => [node, await failures(node)] as const)));
    const tcpBefore = await metricOf("node-2", "internode_probe_failures_total", 'protocol="tcp"');
    const reasonsBefore = await scrapedLines("node-2", "internode_service_failure_reasons_total");
    await lab.inject("service-path node-2");
    await until(async () => (await failures("node-2")) >= before.get("node-2")! + 8);
    const reasons = await scrapedLines("node-2", "internode_service_failure_reasons_total");
    // Whoever began first may have been refused by agents that did not listen yet: that stands as it stood.
    const notTimeouts = reasons.filter((line) => !line.includes('reason="timeout"'));
    expect(notTimeouts).toEqual(reasonsBefore.filter((line) => !line.includes('reason="timeout"')));
    expect(reasons.length - notTimeouts.length).toBe(2);
    const [fault] = await lab.clear();
    expect(fault!.counters!.affected).toBeGreaterThanOrEqual(8);
    for (const node of others) expect(await failures(node)).toBe(before.get(node));
    expect(await metricOf("node-2", "internode_probe_failures_total", 'protocol="tcp"')).toBe(tcpBefore);
    const answered = await metricOf("node-2", "internode_service_rtt_seconds_count");
    await until(async () => (await metricOf("node-2", "internode_service_rtt_seconds_count")) >= answered + 4);
  });
});
