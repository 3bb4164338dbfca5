import { describe, expect, test } from "vitest";
import { policyReport } from "../../../agent/cli/survey/policy-report.ts";
import { asTerminal } from "../../../agent/cli/report/render.ts";
import type { Snapshot } from "../../../agent/model/snapshot.ts";
import { recordedCluster, recordedObjects } from "../../support/recorded-objects.ts";
import { sampleSnapshot } from "../../support/sample-mesh.ts";

const NO_AGENTS = { why: "not asked" };
const LABELS = { "app.kubernetes.io/name": "internode", "app.kubernetes.io/component": "agent" };
const pod = (node: string, more: object = {}) => ({
  metadata: { name: `internode-${node}`, namespace: "net", labels: LABELS, ownerReferences: [{ kind: "DaemonSet" }] },
  spec: {
    nodeName: node,
    containers: [
      {
        ports: [
          { name: "probe", containerPort: 7843, protocol: "TCP" },
          { name: "probe-udp", containerPort: 7843, protocol: "UDP" },
        ],
      },
    ],
    ...more,
  },
  status: { podIPs: [{ ip: node === "node-1" ? "10.0.1.5" : "10.0.2.5" }] },
});
const policy = (spec: object, name = "p") => ({
  metadata: { name, namespace: "net" },
  spec: { podSelector: {}, ...spec },
});

interface Found {
  readonly protocols: readonly {
    protocol: string;
    allowed: number;
    denied: number;
    unclear: number;
    deniedBy: string[];
  }[];
}
async function judged(policies: object[], more: Record<string, object[]> = {}) {
  const report = await policyReport({
    objects: recordedObjects({
      pods: [pod("node-1"), pod("node-2")],
      networkpolicies: policies,
      namespaces: [{ metadata: { name: "net", labels: { team: "sre" } } }],
      ...more,
    }),
    snapshot: NO_AGENTS,
  });
  const { protocols } = report.data as Found;
  return Object.fromEntries(
    protocols.map(({ protocol, allowed, denied, unclear }) => [
      protocol,
      allowed === 2 ? "allowed" : denied === 2 ? "denied" : unclear === 2 ? "unclear" : { allowed, denied, unclear },
    ]),
  );
}
const all = (answer: string) => ({ icmp: answer, tcp: answer, udp: answer });

describe("between two agents", () => {
  test("no policy lets all through", async () => expect(await judged([])).toEqual(all("allowed")));
  test("a policy of another namespace or for other pods selects nobody", async () => {
    const elsewhere = { metadata: { name: "p", namespace: "other" }, spec: { podSelector: {}, ingress: [] } };
    const others = policy({ podSelector: { matchLabels: { app: "web" } }, ingress: [] });
    expect(await judged([elsewhere, others])).toEqual(all("allowed"));
  });
  test("an empty ingress denies all, and egress only where it is named", async () => {
    expect(await judged([policy({ policyTypes: ["Ingress"] })])).toEqual(all("denied"));
    expect(await judged([policy({ policyTypes: ["Egress"] })])).toEqual(all("denied"));
    expect(await judged([policy({ ingress: [{}] })])).toEqual(all("allowed"));
  });
  test("one policy that allows is enough, whatever others deny", async () =>
    expect(await judged([policy({ policyTypes: ["Ingress"] }), policy({ ingress: [{}] }, "q")])).toEqual(
      all("allowed"),
    ));
  test("ports allow their protocol; for ICMP such a rule says nothing", async () => {
    const ports = (list: object[]) => policy({ ingress: [{ ports: list }] });
    expect(await judged([ports([{ protocol: "UDP", port: 7843 }])])).toEqual({
      icmp: "unclear",
      tcp: "denied",
      udp: "allowed",
    });
    expect(await judged([ports([{ port: 7000, endPort: 8000 }])])).toEqual({
      icmp: "unclear",
      tcp: "allowed",
      udp: "denied",
    });
    expect(await judged([ports([{ port: "probe" }])])).toEqual({ icmp: "unclear", tcp: "allowed", udp: "denied" });
    expect(await judged([ports([{ protocol: "UDP" }])])).toEqual({ icmp: "unclear", tcp: "denied", udp: "allowed" });
    expect(await judged([ports([{ port: 80 }])])).toEqual({ icmp: "unclear", tcp: "denied", udp: "denied" });
  });
  test("peers by labels, namespaces and addresses", async () => {
    const from = (...peers: object[]) => policy({ ingress: [{ from: peers }] });
    expect(await judged([from({ podSelector: { matchLabels: LABELS } })])).toEqual(all("allowed"));
    expect(await judged([from({ podSelector: { matchLabels: { app: "web" } } })])).toEqual(all("denied"));
    expect(await judged([from({ namespaceSelector: { matchLabels: { team: "sre" } } })])).toEqual(all("allowed"));
    expect(await judged([from({ namespaceSelector: { matchLabels: { team: "shop" } } })])).toEqual(all("denied"));
    expect(await judged([from({ ipBlock: { cidr: "10.0.0.0/8" } })])).toEqual(all("allowed"));
    expect(await judged([from({ ipBlock: { cidr: "10.0.0.0/8", except: ["10.0.0.0/16"] } })])).toEqual(all("denied"));
    expect(await judged([from({ ipBlock: { cidr: "10.0.1.0/24" } })])).toEqual({
      icmp: { allowed: 1, denied: 1, unclear: 0 },
      tcp: { allowed: 1, denied: 1, unclear: 0 },
      udp: { allowed: 1, denied: 1, unclear: 0 },
    });
  });
  test.each([
    [{ key: "app.kubernetes.io/name", operator: "In", values: ["internode"] }, "allowed"],
    [{ key: "app.kubernetes.io/name", operator: "NotIn", values: ["internode"] }, "denied"],
    [{ key: "tier", operator: "DoesNotExist" }, "allowed"],
    [{ key: "tier", operator: "Exists" }, "denied"],
  ])("by the expression %o", async (expression, answer) =>
    expect(
      await judged([policy({ ingress: [{ from: [{ podSelector: { matchExpressions: [expression] } }] }] })]),
    ).toEqual(all(answer)),
  );
  test("agents on the host network are beyond policies", async () => {
    const pods = [pod("node-1", { hostNetwork: true }), pod("node-2", { hostNetwork: true })];
    expect(await judged([policy({ policyTypes: ["Ingress"] })], { pods })).toEqual(all("allowed"));
  });
});

test("labels of namespaces that may not be read leave it open, and the rule is named", async () => {
  const objects = recordedObjects({
    pods: [pod("node-1"), pod("node-2")],
    networkpolicies: [policy({ ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: "sre" } } }] }] })],
  });
  objects.forbidden.add("namespaces");
  const said = asTerminal(await policyReport({ objects, snapshot: NO_AGENTS }));
  expect(said).toContain("cannot be told for 2 pairs");
  expect(said).toContain('resources: ["namespaces"], verbs: ["list"]');
});

test("the chart's own policy, as recorded, lets the agents' probes through", async () => {
  const report = await policyReport({ objects: recordedCluster("kube-router"), snapshot: NO_AGENTS });
  expect(report).toMatchObject({
    isFault: false,
    headline: "1 NetworkPolicy of the agents: all their probes are let through.",
    data: { agents: 3, policies: [{ name: "internode/internode", agents: 3 }] },
  });
});

describe("against what is measured", () => {
  const lossy = (snapshot: Snapshot): Snapshot => ({
    ...snapshot,
    rows: snapshot.rows.map((row) => ({
      ...row,
      pairs: row.pairs.map((pair) =>
        pair.protocol === "tcp" ? { ...pair, window: { ...pair.window, failures: pair.window.probes } } : pair,
      ),
    })),
  });
  const fine = sampleSnapshot({ nodes: 2, zones: 1 });
  const objects = (policies: object[]) =>
    recordedObjects({ pods: [pod("node-1"), pod("node-2")], networkpolicies: policies });

  test("let through and all lost is not the policy's fault, and is a fault", async () => {
    const report = await policyReport({ objects: objects([]), snapshot: lossy(fine) });
    expect(report.isFault).toBe(true);
    expect(asTerminal(report)).toMatch(/✘.* TCP: let through[^]*yet all is lost: node-1 → node-2 and node-2 → node-1/);
  });
  test("denied and answered is a CNI that does not enforce", async () => {
    const report = await policyReport({ objects: objects([policy({ policyTypes: ["Ingress"] })]), snapshot: fine });
    expect(asTerminal(report)).toContain("denied, and yet answered: node-1 → node-2 and node-2 → node-1");
  });
});

test("policies of other kinds are counted and not evaluated", async () => {
  const objects = recordedObjects({ pods: [pod("node-1")], networkpolicies: [], ciliumnetworkpolicies: [{}, {}] });
  expect(asTerminal(await policyReport({ objects, snapshot: NO_AGENTS }))).toContain("CiliumNetworkPolicy: 2");
});

test.each(["pods", "networkpolicies"])("without the right to read %s it says which rule is missing", async (plural) => {
  const objects = recordedObjects({ pods: [pod("node-1")], networkpolicies: [] });
  objects.forbidden.add(plural);
  const report = await policyReport({ objects, snapshot: NO_AGENTS });
  expect(report.isFault).toBe(true);
  expect(asTerminal(report)).toContain(`resources: ["${plural}"], verbs: ["list"]`);
});
