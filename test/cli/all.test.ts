import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { makeWhole } from "../../agent/cli/all.ts";
import { VERSION } from "../../agent/model/version.ts";
import { COMMANDS } from "../../agent/cli/commands.ts";
import { asHtml, asJson, asTerminal } from "../../agent/cli/report/render.ts";
import { runCommand } from "../../agent/cli/run.ts";
import type { Sources } from "../../agent/cli/sources.ts";
import { Redactor } from "../../agent/cli/whole/redact.ts";
import { judgeSnapshot } from "../../agent/diagnosis/judge-snapshot.ts";
import { HOSTILE, OBEYED } from "../support/hostile.ts";
import { recordedCluster, type RecordedObjects } from "../support/recorded-objects.ts";
import { sampleSnapshot } from "../support/sample-mesh.ts";

const snapshot = sampleSnapshot({ nodes: 3, zones: 3 });
const sources = (objects: RecordedObjects | { readonly why: string } = recordedCluster("kube-router")): Sources => ({
  reach: { kind: "url", url: "http://127.0.0.1:9" },
  signal: new AbortController().signal,
  objects: () => Promise.resolve(objects),
  mesh: () => Promise.resolve({ snapshot, verdict: judgeSnapshot(snapshot), judged: "here" }),
});
const unreached: Sources = {
  ...sources({ why: "there is no kubeconfig" }),
  mesh: () => Promise.resolve({ why: "nobody answers" }),
};
const everything = async (of: Sources, redact: boolean) => {
  const { reports, pictures } = await makeWhole(of, { redact });
  return [...reports.map(asTerminal), ...reports.map(asJson), asHtml(reports, { pictures })].join("\n");
};

/** With objects whose names reports put into sentences, JSON and tables. */
function ownWords(objects: RecordedObjects): RecordedObjects {
  const meta = (name: string) => ({ namespace: "team-blue", name });
  const labels = { "app.kubernetes.io/name": "internode" };
  const add = (plural: string, ...more: readonly object[]) =>
    void objects.kinds.set(plural, [...(objects.kinds.get(plural) ?? []), ...more]);
  add("namespaces", { metadata: { name: "team-blue" } });
  add("pods", { metadata: { ...meta("left-behind"), labels } }, { metadata: meta("kube-apiserver-node-1") });
  add("networkpolicies", {
    metadata: { ...meta("blue-deny"), namespace: "internode" },
    spec: { podSelector: {}, policyTypes: ["Ingress"] },
  });
  add("daemonsets", {
    metadata: { namespace: "kube-system", name: "calico-node" },
    spec: { template: { spec: { containers: [{ image: "calico/node:v3.30.0" }] } } },
  });
  add("ippools", {
    metadata: { name: "blue-pool" },
    spec: { cidr: "10.244.0.0/16", vxlanMode: "Always", ipipMode: "Always" },
  });
  add("blockaffinities", { metadata: { name: "node-1-block" }, spec: { node: "node-1", cidr: "10.244.1.0/26" } });
  add("bgppeers", { metadata: { name: "blue-rack" }, spec: { peerIP: "10.9.9.9", asNumber: 64512 } });
  add("tigerastatuses", {
    metadata: { name: "blue-status" },
    status: { conditions: [{ type: "Degraded", status: "True", message: "blue-pool of team-blue is full" }] },
  });
  return objects;
}

const namesOf = ({ kinds }: RecordedObjects): string[] =>
  [...kinds.values()]
    .flat()
    .flatMap(({ metadata }) => [metadata?.name, metadata?.namespace].filter((x) => x !== undefined));

test("every part is there, in order", async () => {
  const { reports } = await makeWhole(sources());
  expect(reports.map(({ title }) => title)).toEqual([
    "doctor",
    "matrix",
    "topology",
    "cni",
    "dns",
    "policy",
    "cleanup",
  ]);
  // Names are not written in capitals, as other heads are.
  expect(asTerminal(reports[1]!)).toMatch(/^from \\ to +node-1 +node-2/m);
});

test("without agents and without a cluster it goes on, and every part says why", async () => {
  const { reports } = await makeWhole(unreached);
  expect(reports.every(({ isFault }) => isFault)).toBe(true);
  for (const report of reports) expect(asTerminal(report)).toMatch(/nobody answers|there is no kubeconfig/);
});

test("every right that is missing is named, and ends nothing", async () => {
  const objects = recordedCluster("kube-router");
  for (const plural of ["configmaps", "networkpolicies", "daemonsets"]) objects.forbidden.add(plural);
  const { reports } = await makeWhole(sources(objects));
  const said = reports.map(asTerminal).join("\n");
  for (const plural of ["configmaps", "networkpolicies", "daemonsets"])
    expect(said).toContain(`resources: ["${plural}"]`);
});

test("a matrix of many nodes is cut to those that lose most, which it says, and the file stays small", async () => {
  const large = sampleSnapshot({ nodes: 100, zones: 3 });
  const { reports, pictures } = await makeWhole({
    ...sources(),
    mesh: () => Promise.resolve({ snapshot: large, verdict: judgeSnapshot(large), judged: "here" }),
  });
  const html = asHtml(reports, { pictures });
  expect(html).toContain("of the 60 nodes that lose most, of 100");
  expect(Buffer.byteLength(html)).toBeLessThan(25 * 1024 * 1024);
});

describe("redacted", () => {
  test("no node, zone or address is left in any format", async () => {
    const open = await everything(sources(), false);
    const closed = await everything(sources(), true);
    for (const secret of ["node-1", "node-2", "node-3", "zone-a", "zone-b", "10.244.1.0", "10.100.0.101"]) {
      expect(open).toContain(secret);
      expect(closed).not.toMatch(new RegExp(`${secret.replaceAll(".", "\\.")}(?![\\w.])`));
    }
  });
  test.each(["kube-router", "flannel-vxlan", "flannel-host-gw-dual"])(
    "no name of any object of %s is left in any format, but what every cluster has",
    async (cluster) => {
      const objects = ownWords(recordedCluster(cluster));
      const closed = await everything(sources(objects), true);
      // A pseudonym may begin as a name does.
      const left = namesOf(objects).filter((name) =>
        new RegExp(`${name.replaceAll(".", "\\.")}(?![\\w-])`).test(closed),
      );
      expect(left.filter((name) => !/^(?:default|internode|kubernetes|kube-.*)$/.test(name))).toEqual([]);
      expect(closed).toMatch(/ippool-\w{6}/);
    },
  );
  test("two reports of one cluster have the same pseudonyms", async () => {
    const names = async () =>
      [...(await everything(sources(), true)).matchAll(/node-[0-9a-f]{6}/g)].map(([name]) => name);
    const [first, second] = [await names(), await names()];
    expect(new Set(first).size).toBe(3);
    expect(new Set(second)).toEqual(new Set(first));
  });
  test("numbers, moments and versions stay as they are", () => {
    const redactor = new Redactor("key", new Map([["a", "node"]]));
    const words = "1.5% at 2026-11-27 02:30:00 by v1.20.2, 210 µs, 6.12.0-amd64";
    expect(redactor.text(words)).toBe(words);
  });
  test("addresses of both families, ranges and hosts of URLs are replaced wherever they stand", () => {
    const redactor = new Redactor("key", new Map());
    const said = redactor.text("10.0.0.1, fd00::1 in fd00::/48 and https://api.example.org:6443/x (10.0.0.0/8).");
    expect(said).toMatch(/^ip-\w{6}, ip-\w{6} in net-\w{6}\/48 and https:\/\/host-\w{6}:6443\/x \(net-\w{6}\/8\)\.$/);
  });
  test.each([
    ["connect ECONNREFUSED 10.1.2.3:6443", /^connect ECONNREFUSED ip-\w{6}:6443$/],
    ["ask [fd00::1]:6443, or fd00::2: nobody", /^ask \[ip-\w{6}\]:6443, or ip-\w{6}: nobody$/],
    ["not in: DNS:api.example.org, IP Address:10.0.0.1", /^not in: DNS:host-\w{6}, IP Address:ip-\w{6}$/],
    ["https://[fd00::1]:6443/x", /^https:\/\/host-\w{6}:6443\/x$/],
    ["VtepMAC aa:bb:CC:dd:ee:ff.", /^VtepMAC mac-\w{6}\.$/],
    ["internode/internode-node-1, etcd-node-1.", /^internode\/internode-(node-\w{6}), etcd-\1\.$/],
    ["node-10 and my_node-1 at 02:30:00", /^node-10 and my_node-1 at 02:30:00$/],
  ])("what stands inside of other words is found: %s", (said, closed) => {
    expect(new Redactor("key", new Map([["node-1", "node"]])).text(said)).toMatch(closed);
  });
  test("a host of a URL is replaced where no URL is around it, too", async () => {
    const { reports } = await makeWhole(
      sources({ why: "https://api.example.org:6443 cannot be asked: getaddrinfo ENOTFOUND api.example.org" }),
      { redact: true },
    );
    expect([...reports.map(asTerminal), ...reports.map(asJson)].join("\n")).not.toContain("example.org");
  });
  test("so is the user whom the API server refuses", () => {
    const said = new Redactor("key", new Map()).text('pods is forbidden: User "jane@example.org" cannot list');
    expect(said).toMatch(/^pods is forbidden: User "user-\w{6}" cannot list$/);
  });
  test("a name of a column that is in no list is replaced, too", () => {
    const redactor = new Redactor("key", new Map());
    const { sections } = redactor.report({
      title: "t",
      headline: "h",
      isFault: false,
      data: {},
      sections: [
        {
          title: "s",
          blocks: [
            { kind: "table", headsAre: "words", heads: ["policy", "agents"], rows: [["shop/secret", "3 of 3"]] },
          ],
        },
      ],
    });
    expect(sections[0]!.blocks[0]).toMatchObject({ rows: [[expect.stringMatching(/^name-\w{6}$/), "3 of 3"]] });
  });
});

test.each(Object.entries(HOSTILE))("shows %s of an agent, in every part", async (_, bad) => {
  const bent = {
    ...snapshot,
    nodes: snapshot.nodes.map((node) => ({ ...node, zone: bad })),
    missing: [{ node: { name: "node-3", zone: bad }, reason: bad }],
  };
  const { reports, pictures } = await makeWhole({
    ...sources({ why: bad }),
    mesh: () => Promise.resolve({ snapshot: bent, verdict: judgeSnapshot(bent), judged: "here" }),
  });
  const html = asHtml(reports, { pictures });
  expect(html.replaceAll("\n", "")).not.toMatch(OBEYED);
  expect(html).not.toContain("<script");
  expect(html).not.toMatch(/<[^>]* onmouseover=/);
});

describe("as a command", () => {
  let folder: string;
  let err: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "internode-all-"));
    err = "";
    vi.spyOn(console, "error").mockImplementation((text: string) => void (err += `${text}\n`));
    vi.spyOn(console, "log").mockImplementation(() => {});
  });
  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true });
  });

  test.each(["table", "html", "markdown", "json"])(
    "with nobody to ask, -o %s exits 1 and writes what there is",
    async (output) => {
      const file = join(folder, "report");
      expect(await runCommand(COMMANDS, ["all", "--url", "http://127.0.0.1:9", "-o", output, "--file", file])).toBe(1);
      expect(err).toMatch(/^internode all: \d+ kB to /);
      const written = readFileSync(file, "utf8");
      expect(written).toContain("could not be asked");
      // Who made it, and when.
      expect(written).toContain(VERSION);
      expect(written).toMatch(/\b20\d\d-\d\d-\d\dT\d\d:\d\d/);
      expect(statSync(file).mode & 0o077).toBe(0);
    },
  );
  test.each([
    ["report.html", "<!doctype html>"],
    ["report.HTM", "<!doctype html>"],
    ["report.md", "# doctor"],
    ["report.json", '"schemaVersion"'],
    ["report.txt", "── doctor ──"],
  ])("%s is written as its name says", async (name, begins) => {
    const file = join(folder, name);
    await runCommand(COMMANDS, ["all", "--url", "http://127.0.0.1:9", "--file", file]);
    expect(readFileSync(file, "utf8")).toContain(begins);
  });
  test("a file has no colours, even when the terminal has", async () => {
    vi.stubEnv("FORCE_COLOR", "1");
    onTestFinished(() => void vi.unstubAllEnvs());
    const file = join(folder, "report");
    await runCommand(COMMANDS, ["all", "--url", "http://127.0.0.1:9", "--file", file]);
    expect(readFileSync(file, "utf8")).not.toContain("\u001b");
  });
  test.each([
    ["in a folder that is not there", () => join(folder, "nowhere", "report"), /^internode all: --file: ENOENT/],
    ["that is a folder", () => folder, /^internode all: --file: .* is a folder: name a file in it$/m],
  ])("a file %s is bad usage, in a sentence, before anybody is asked", async (_, file, said) => {
    const words = ["all", "--url", "http://127.0.0.1:9", "--file", file()];
    expect(await runCommand(COMMANDS, words)).toBe(2);
    expect(err).toMatch(said);
  });
});
