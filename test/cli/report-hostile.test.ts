// Names, labels, annotations and messages are whatever somebody wrote. Every report in every format shows them, and none
// obeys them.
import { describe, expect, test } from "vitest";
import { asHtml, asJson, asMarkdown, asTerminal } from "../../agent/cli/report/render.ts";
import type { Report } from "../../agent/cli/report/report.ts";
import { makeCleanup } from "../../agent/cli/cleanup.ts";
import type { Sources } from "../../agent/cli/sources.ts";
import { cniReport } from "../../agent/cli/survey/cni-report.ts";
import { policyReport } from "../../agent/cli/survey/policy-report.ts";
import { dnsReport } from "../../agent/cli/survey/dns-report.ts";
import { topologyDot, topologySvg } from "../../agent/cli/survey/topology-picture.ts";
import { topologyReport } from "../../agent/cli/survey/topology-report.ts";
import { surveyTopology } from "../../agent/cli/survey/topology.ts";
import { sampleSnapshot } from "../support/sample-mesh.ts";
import { HOSTILE, OBEYED } from "../support/hostile.ts";
import { recordedObjects, type RecordedObjects } from "../support/recorded-objects.ts";

/** A cluster in which everything that somebody can write is this. */
function hostileCluster(bad: string): RecordedObjects {
  const meta = { name: bad, namespace: bad, labels: { "topology.kubernetes.io/zone": bad }, annotations: {} };
  return recordedObjects({
    nodes: [
      {
        metadata: { ...meta, annotations: { "flannel.alpha.coreos.com/backend-type": bad } },
        spec: { podCIDRs: [bad] },
        status: {
          addresses: [
            { type: "InternalIP", address: bad },
            { type: "ExternalIP", address: bad },
          ],
          nodeInfo: { kernelVersion: bad },
        },
      },
    ],
    daemonsets: [
      {
        metadata: { ...meta, name: "calico-node" },
        spec: { template: { spec: { containers: [{ image: `calico/node:${bad}` }] } } },
      },
    ],
    configmaps: [
      {
        metadata: { namespace: "kube-flannel", name: "kube-flannel-cfg" },
        data: { "net-conf.json": `{"Network":${JSON.stringify(bad)}}` },
      },
    ],
    pods: [
      {
        metadata: {
          ...meta,
          labels: { "app.kubernetes.io/name": "internode" },
          ownerReferences: [{ kind: "DaemonSet" }],
        },
        spec: { nodeName: bad },
      },
      { metadata: { ...meta, labels: { "app.kubernetes.io/name": "internode" } } },
    ],
    networkpolicies: [{ metadata: meta, spec: { podSelector: {}, policyTypes: ["Ingress"] } }],
    bgppeers: [{ metadata: meta, spec: { peerIP: bad, nodeSelector: bad } }],
    bgpconfigurations: [{ metadata: meta, spec: { asNumber: bad } }],
    felixconfigurations: [{ metadata: meta, spec: { vxlanMTU: bad } }],
    blockaffinities: [{ metadata: meta, spec: { node: bad, cidr: bad } }],
    caliconodestatuses: [
      { metadata: meta, status: { bgp: { peersV4: [{ peerIP: bad, type: bad, state: bad, since: bad }] } } },
    ],
    tigerastatuses: [{ metadata: meta, status: { conditions: [{ type: "Degraded", status: "True", message: bad }] } }],
    servicecidrs: [{ metadata: meta, spec: { cidrs: [bad] } }],
    ippools: [{ metadata: meta, spec: { cidr: bad, vxlanMode: bad } }],
  });
}

const MESH = sampleSnapshot({ nodes: 2, zones: 1 });

const REPORTS: Readonly<Record<string, (objects: RecordedObjects, bad: string) => Promise<Report>>> = {
  cni: (objects) => cniReport(objects),
  policy: (objects, bad) => policyReport({ objects, snapshot: { why: bad } }),
  dns: (objects, bad) =>
    dnsReport({
      objects,
      snapshot: {
        ...MESH,
        rows: MESH.rows.map((row) => ({ ...row, dns: [{ server: bad, names: bad, lookups: 2, failures: 1 }] })),
      },
    }),
  cleanup: (objects) => makeCleanup({ objects: () => Promise.resolve(objects) } as Partial<Sources> as Sources),
  topology: async (objects, bad) => topologyReport(await surveyTopology({ objects, snapshot: { why: bad } })),
};

/** Colours are ours. */
// eslint-disable-next-line no-control-regex
const OWN_COLOURS = /\u001b\[\d+m/g;
const printable = (text: string) => text.replaceAll(OWN_COLOURS, "").replaceAll("\n", "");

describe.each(Object.entries(REPORTS))("%s", (_, reportOf) => {
  test.each(Object.entries(HOSTILE))("shows %s, in every format", async (__, bad) => {
    const report = await reportOf(hostileCluster(bad), bad);
    for (const shown of [asTerminal(report), asMarkdown(report), asJson(report), asHtml([report])])
      expect(printable(shown)).not.toMatch(OBEYED);
    // No line of the terminal begins as the text wants.
    expect(asTerminal(report)).not.toMatch(/^nothing broken/m);
    expect(JSON.parse(asJson(report))).toMatchObject({ schemaVersion: 1 });
    const html = asHtml([report]);
    expect(html).not.toContain("<script");
    expect(html).not.toMatch(/<[^>]* onmouseover=/);
    expect(asMarkdown(report)).not.toMatch(/(?<!\\)<\w/);
  });
});

test.each(Object.entries(HOSTILE))("pictures show %s", async (_, bad) => {
  const topology = await surveyTopology({ objects: hostileCluster(bad), snapshot: { why: bad } });
  const [dot, svg] = [topologyDot(topology), topologySvg(topology)];
  for (const shown of [dot, svg]) expect(printable(shown)).not.toMatch(OBEYED);
  expect(svg).not.toContain("<script");
  // Each string of DOT ends where it was meant to: what is left of a line without its strings is our own.
  for (const line of dot.split("\n"))
    expect(line.replaceAll(/"(?:[^"\\]|\\.)*"/g, "S")).toMatch(
      /^(graph internode \{| {2}node \[.*\]; graph \[fontname=S\];| {2}cni \[shape=ellipse, label=S\];| {2}subgraph cluster_\d+ \{| {4}label=S;| {4}S \[label=S\];| {2}\}| {2}S -- cni;|\})$/,
    );
});
