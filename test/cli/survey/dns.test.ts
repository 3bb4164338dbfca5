import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { asHtml, asMarkdown, asTerminal } from "../../../agent/cli/report/render.ts";
import { dnsOf } from "../../../agent/cli/survey/dns.ts";
import { dnsReport as report } from "../../../agent/cli/survey/dns-report.ts";
import type { Unreached } from "../../../agent/cli/sources.ts";
import type { Objects } from "../../../agent/cli/cluster/objects.ts";
import type { DnsWindow, Snapshot } from "../../../agent/model/snapshot.ts";
import { sampleSnapshot } from "../../support/sample-mesh.ts";
import { HOSTILE, OBEYED } from "../../support/hostile.ts";
import { recordedObjects } from "../../support/recorded-objects.ts";

const GOLDEN = readFileSync(new URL("../../metrics/golden/two-node.prom", import.meta.url), "utf8");
const dnsReport = (objects: Objects | Unreached) => report({ objects, snapshot: { why: "nobody answers" } });
const agent = (node: string) => ({
  metadata: {
    namespace: "net",
    name: `internode-${node}`,
    labels: { "app.kubernetes.io/name": "internode" },
    ownerReferences: [{ kind: "DaemonSet" }],
  },
  spec: { nodeName: node },
});
const cluster = (answers: Record<string, string>) => {
  const objects = recordedObjects({ pods: [agent("node-1"), agent("node-2")] });
  for (const [node, answer] of Object.entries(answers)) objects.answers.set(`internode-${node}`, answer);
  return objects;
};
const series = (name: string, { lookups = 100, failures = 0, soon = 100, answered = 100 } = {}) => {
  const labels = `source_node="n",server="cluster",name=${JSON.stringify(name)}`;
  return [
    `internode_dns_lookups_total{${labels}} ${lookups}`,
    `internode_dns_failures_total{${labels}} ${failures}`,
    `internode_dns_failure_reasons_total{${labels},reason="timeout"} ${failures}`,
    `internode_dns_lookup_seconds_bucket{le="2.5",${labels}} ${soon}`,
    `internode_dns_lookup_seconds_bucket{le="10",${labels}} ${answered}`,
    `internode_dns_lookup_seconds_bucket{le="+Inf",${labels}} ${answered}`,
    `internode_dns_lookup_seconds_sum{${labels}} ${answered / 1000}`,
    `internode_dns_lookup_seconds_count{${labels}} ${answered}`,
  ].join("\n");
};

test("an agent's real exposition is read", () => {
  expect(dnsOf(GOLDEN)).toMatchObject([
    { server: "pod", name: "kubernetes.default.svc.cluster.local", lookups: 6, failures: 1, answered: 5, late: 0 },
  ]);
});

test("lookups that work on every node are fine", async () => {
  const report = await dnsReport(cluster({ "node-1": series("a"), "node-2": series("a") }));
  expect(report).toMatchObject({ isFault: false, headline: "Lookups work on 2 nodes." });
  expect(asTerminal(report)).toMatch(/node-1 +cluster +a +100 +0% +0 timeout +1\.00 ms/);
});

test("a node on which over a tenth fails is named", async () => {
  const report = await dnsReport(cluster({ "node-1": series("a"), "node-2": series("a", { failures: 20 }) }));
  expect(report).toMatchObject({ isFault: true, headline: "Lookups fail on node-2." });
});

test("lookups that waited for a lost answer are told, with the cure", async () => {
  const report = await dnsReport(cluster({ "node-1": series("a", { soon: 97 }), "node-2": series("a") }));
  expect(asTerminal(report)).toMatch(/node-1: 3 of 100 lookups of a at cluster took 4 s or more[^]*NodeLocal DNSCache/);
});

test("an agent that does not answer is named, and the others are told", async () => {
  const said = asTerminal(await dnsReport(cluster({ "node-1": series("a") })));
  expect(said).toContain("Lookups work on 1 node.");
  expect(said).toContain("metrics of node-2: error trying to reach service");
});

test("without the right to the proxy, without agents, without a cluster: why, and a fault", async () => {
  const objects = cluster({});
  objects.forbidden.add("pods/proxy");
  expect(asTerminal(await dnsReport(objects))).toContain('resources: ["pods/proxy"], verbs: ["get"]');
  expect(asTerminal(await dnsReport(recordedObjects({ pods: [] })))).toContain("there is no agent");
  expect((await dnsReport({ why: "no kubeconfig" })).isFault).toBe(true);
});

test("agents that do not measure DNS are no fault", async () => {
  expect(await dnsReport(cluster({ "node-1": "", "node-2": "" }))).toMatchObject({ isFault: false });
});

test.each(Object.entries(HOSTILE))("shows %s in a name that was looked up", async (_, bad) => {
  const report = await dnsReport(cluster({ "node-1": series(bad.replaceAll("\n", "")), "node-2": "" }));
  for (const shown of [asTerminal(report), asMarkdown(report), asHtml([report])])
    expect(shown.replaceAll(/\n|\p{Cc}\[\d+m/gu, "")).not.toMatch(OBEYED);
});

test("the agents' rows tell the last minute, without the API server too", async () => {
  const mesh = sampleSnapshot({ nodes: 2, zones: 1 });
  const window = { server: "cluster", names: "cluster", lookups: 6 };
  const rows = mesh.rows.map((row, i) => ({ ...row, dns: [{ ...window, failures: i === 0 ? 0 : 3 }] }));
  const told = await report({ objects: { why: "no kubeconfig" }, snapshot: { ...mesh, rows } });
  expect(told).toMatchObject({ headline: "Lookups fail on node-2.", isFault: true });
  expect(asTerminal(told)).toMatch(/node-2 +cluster +- +cluster +6 +50%/);
  expect(asTerminal(told)).toContain("no kubeconfig");
});

describe("the pods behind cluster DNS", () => {
  const dnsPod = (name: string, ip: string, ready = true) => ({
    metadata: { namespace: "kube-system", name, labels: { "k8s-app": "kube-dns" } },
    spec: { nodeName: "node-2" },
    status: { podIPs: [{ ip }], conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
  });
  const atService = { server: "cluster", address: "10.96.0.10", names: "cluster", lookups: 6, failures: 0 };
  const at = (address: string, failures: number, lookups = 6) => ({
    server: "pod",
    address,
    names: "cluster",
    lookups,
    failures,
    ...(failures < lookups && { meanNs: 1_230_000, maxNs: 2_000_000 }),
  });
  const meshOf = (dnsOf: (i: number) => readonly DnsWindow[]): Snapshot => {
    const mesh = sampleSnapshot({ nodes: 2, zones: 1 });
    return { ...mesh, rows: mesh.rows.map((row, i) => ({ ...row, dns: dnsOf(i) })) };
  };

  test("are told by node and pod, those that fail first and by their names", async () => {
    const snapshot = meshOf((i) => [atService, at("10.244.1.2", 0), at("10.244.2.2", i === 0 ? 6 : 3)]);
    const objects = cluster({});
    objects.kinds.set("pods", [dnsPod("coredns-a", "10.244.1.2"), dnsPod("coredns-b", "10.244.2.2", false)]);
    const told = await report({ objects, snapshot });
    expect(told).toMatchObject({
      isFault: true,
      headline: "Lookups work on 2 nodes; of the pods behind cluster DNS coredns-b fails.",
      data: { lastMinute: expect.arrayContaining([{ node: "node-1", ...at("10.244.2.2", 6) }]) },
    });
    const shown = asTerminal(told).replaceAll(/ +/g, " ");
    expect(shown).toContain("node coredns-b coredns-a\nnode-1 FAIL 1.23 ms\nnode-2 50% 1.23 ms 1.23 ms");
    expect(shown).toContain("coredns-b node-2 10.244.2.2 not ready");
  });

  test("without the API server have their addresses for names", async () => {
    const snapshot = meshOf(() => [atService, at("10.244.1.2", 0)]);
    const told = asTerminal(await report({ objects: { why: "no kubeconfig" }, snapshot }));
    expect(told.replaceAll(/ +/g, " ")).toContain("node 10.244.1.2\nnode-1 1.23 ms");
  });

  test("that agents do not ask each for itself are listed, with what lets them, and no fault", async () => {
    const objects = cluster({});
    objects.kinds.set("pods", [dnsPod("coredns-a", "10.244.1.2")]);
    const told = await report({ objects, snapshot: meshOf(() => [atService]) });
    expect(told.isFault).toBe(false);
    expect(asTerminal(told)).toContain("dnsPods.enabled=true");
  });

  test("that cannot be found are told with the reason", async () => {
    const mesh = meshOf(() => [atService]);
    const rows = mesh.rows.map((row) => ({ ...row, dnsTrouble: "DNS knows no internode-dns.kube-system.svc" }));
    const told = asTerminal(await report({ objects: { why: "no kubeconfig" }, snapshot: { ...mesh, rows } }));
    expect(told).toContain("node-1: DNS knows no internode-dns.kube-system.svc");
  });

  test("of many only those that fail most have a column, and it is said", async () => {
    const pods = Array.from({ length: 20 }, (_, i) => at(`10.244.${i}.2`, i === 17 ? 6 : 0));
    const told = asTerminal(await report({ objects: { why: "none" }, snapshot: meshOf(() => [atService, ...pods]) }));
    expect(told).toMatch(/node +10\.244\.17\.2 /);
    expect(told).toContain("The 8 that fail most, of 20");
  });
});

test("an agent whose pod is not ready is not waited for", async () => {
  const objects = cluster({ "node-1": series("a") });
  const notReady = { ...agent("node-2"), status: { conditions: [{ type: "Ready", status: "False" }] } };
  objects.kinds.set("pods", [agent("node-1"), notReady]);
  objects.answers.set("internode-node-2", series("must not be asked"));
  const said = asTerminal(await dnsReport(objects));
  expect(said).toContain("metrics of node-2: the agent's pod is not ready");
  expect(said).not.toContain("must not be asked");
});

test("what failed an hour ago and works now is no fault", async () => {
  const mesh = sampleSnapshot({ nodes: 2, zones: 1 });
  const rows = mesh.rows.map((row) => ({
    ...row,
    dns: [{ server: "cluster", names: "cluster", lookups: 6, failures: 0 }],
  }));
  const objects = cluster({ "node-1": series("a.", { failures: 60 }), "node-2": series("a.") });
  expect(await report({ objects, snapshot: { ...mesh, rows } })).toMatchObject({ isFault: false });
});

test("what the search path of a pod costs follows from the delays", async () => {
  const shown = asTerminal(await dnsReport(cluster({ "node-1": series("a."), "node-2": series("a.") })));
  expect(shown).toContain("at least 3 times in vain first, by its search list: at the delays above up to 3.00 ms more");
});
