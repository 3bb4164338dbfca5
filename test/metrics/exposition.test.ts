import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { metricsPage } from "../../scripts/generate-metrics-doc.ts";
import { CATALOGUE, LABEL_VALUES, PAIR_LABELS, type Metric } from "../../agent/metrics/catalogue.ts";
import { escapeLabelValue } from "../../agent/metrics/text-format.ts";
import { FAILED } from "../../agent/model/outcome.ts";
import { parseExposition, type Sample } from "../support/exposition-parser.ts";
import { goldenTwoNode, liveAMinute, scrapeText, twoNodeMesh } from "../support/two-node-mesh.ts";
import { needs } from "../support/needs.ts";

const { test: promtoolTest } = await needs("promtool");

const catalogue: readonly Metric[] = Object.values(CATALOGUE);
const lint = (text: string) => {
  const { status, stderr, stdout } = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
  return { status, complaints: `${stdout}${stderr}` };
};

const values = (samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>> = {}) =>
  samples
    .filter((s) => s.name === name && Object.entries(labels).every(([k, v]) => s.labels[k] === v))
    .map((s) => s.value);

test("/metrics of a two-node mesh is the golden file, byte for byte", async () => {
  expect(await goldenTwoNode()).toBe(readFileSync(new URL("golden/two-node.prom", import.meta.url), "utf8"));
});

test("the metrics page in docs is what the catalogue generates", () => {
  expect(readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8")).toBe(metricsPage());
});

test("every catalogued metric appears once, contiguous, with its type and exactly its labels; full ones only in full detail", async () => {
  for (const pairDetail of ["default", "full"] as const) {
    const mesh = twoNodeMesh({ pairDetail });
    liveAMinute(mesh);
    const { families } = parseExposition(await scrapeText(mesh.metrics));
    const expected = catalogue.filter((m) => pairDetail === "full" || m.detail !== "full");
    expect(families.map((f) => [f.name, f.type])).toEqual(expected.map((m) => [m.name, m.type]));
    for (const metric of expected) {
      const family = families.find((f) => f.name === metric.name)!;
      expect(family.help).toBe(metric.help);
      expect(family.samples.length, `of ${metric.name}`).toBeGreaterThan(0);
      for (const { labels } of family.samples)
        expect(
          Object.keys(labels)
            .filter((l) => l !== "le")
            .sort(),
          `of ${metric.name}`,
        ).toEqual([...metric.labels].sort());
    }
  }
});

test("before anything was measured, what is created at start is there at 0 and what is created when first seen is not", async () => {
  const { families } = parseExposition(await scrapeText(twoNodeMesh().metrics));
  const samplesOf = (metric: Metric) => families.find((f) => f.name === metric.name)!.samples;
  const { pathMtu, pathMtuShortfall, udpReceived } = CATALOGUE; // these come from providers
  const perPair = catalogue.filter(
    (m) =>
      m.labels.includes("destination_node") &&
      m.detail !== "full" &&
      ![pathMtu.name, pathMtuShortfall.name, udpReceived.name].includes(m.name as never),
  );
  const [atStart, whenSeen] = [
    perPair.filter((m) => m.created === "at start"),
    perPair.filter((m) => m.created === "when first seen"),
  ];
  for (const metric of whenSeen) expect(samplesOf(metric), `of ${metric.name}`).toEqual([]);
  for (const metric of atStart) {
    expect(new Set(samplesOf(metric).map((s) => s.value)), `of ${metric.name}`).toEqual(new Set([0]));
    const slots = new Set(samplesOf(metric).map((s) => `${s.labels["network"]!}/${s.labels["protocol"]!}`));
    expect([...slots], `of ${metric.name}`).toEqual(
      ["pod/icmp", "pod/tcp", "pod/udp", "node/icmp"].filter(
        (slot) => !metric.protocols || metric.protocols.some((p) => slot.endsWith(p)),
      ),
    );
  }
  expect(samplesOf(CATALOGUE.directionalLost).map((s) => s.labels["direction"])).toEqual(["forward", "reverse"]);
  for (const metric of [CATALOGUE.skipped, CATALOGUE.clockSteps, CATALOGUE.discoveryErrors, CATALOGUE.timestamps]) {
    expect(new Set(samplesOf(metric).map((s) => s.value)), `of ${metric.name}`).toEqual(new Set([0]));
  }
  expect(samplesOf(CATALOGUE.localErrors)).toEqual([]);
});

test("label values stay within those that the catalogue lists", async () => {
  const mesh = twoNodeMesh({ pairDetail: "full" });
  liveAMinute(mesh);
  const { samples } = parseExposition(await scrapeText(mesh.metrics));
  for (const [label, listed] of Object.entries(LABEL_VALUES)) {
    // An empty label is one that is not there: of a finding, all networks or protocols.
    const used = new Set(samples.flatMap((s) => s.labels[label] || []));
    expect(used.size, `of ${label}`).toBeGreaterThan(0);
    expect(
      [...used].filter((value) => !listed.includes(value)),
      `of ${label}`,
    ).toEqual([]);
  }
});

test("no series carries an address", async () => {
  const mesh = twoNodeMesh({ pairDetail: "full" });
  liveAMinute(mesh);
  const text = await scrapeText(mesh.metrics);
  for (const slot of Object.values(mesh.slots)) expect(text).not.toContain(slot.address);
});

test("histograms are cumulative, end in +Inf and agree with their count", async () => {
  const mesh = twoNodeMesh({ pairDetail: "full" });
  liveAMinute(mesh);
  const { samples } = parseExposition(await scrapeText(mesh.metrics));
  for (const name of ["internode_zone_rtt_seconds", "internode_pair_rtt_seconds"]) {
    const labels = { network: "pod", protocol: "icmp" };
    const buckets = samples.filter(
      (s) => s.name === `${name}_bucket` && s.labels["network"] === "pod" && s.labels["protocol"] === "icmp",
    );
    expect(buckets.map((b) => Number(b.labels["le"]!.replace("+Inf", "Infinity")))).toEqual([
      ...CATALOGUE.zoneRtt.buckets,
      Number.POSITIVE_INFINITY,
    ]);
    expect(buckets.map((b) => b.value)).toEqual(buckets.map((b) => b.value).sort((a, b) => a - b));
    expect(values(samples, `${name}_count`, labels)).toEqual([buckets.at(-1)!.value]);
    expect(values(samples, `${name}_count`, labels)).toEqual(values(samples, "internode_rtt_seconds_count", labels));
  }
});

test("node and zone names of any characters come back from the text as they went in", async () => {
  const source = { name: 'no"de\\1\n{}=,', zone: "zürich-東京" };
  const peer = { name: '\\n\\"', zone: '"' };
  const mesh = twoNodeMesh({ pairDetail: "full", source, peer });
  liveAMinute(mesh);
  const text = await scrapeText(mesh.metrics);
  const { samples } = parseExposition(text);
  expect(samples.find((s) => s.name === "internode_probes_total")!.labels).toMatchObject({
    source_node: source.name,
    source_zone: source.zone,
    destination_node: peer.name,
    destination_zone: peer.zone,
  });
  expect(samples.find((s) => s.name === "internode_udp_received_total")!.labels).toMatchObject({
    source_node: peer.name,
    destination_node: source.name,
  });
  expect(samples.find((s) => s.name === "internode_mesh_size")!.labels).toEqual({ source_node: source.name });
  expect(escapeLabelValue('a"b\\c\nd')).toBe('a\\"b\\\\c\\nd');
});

test("a peer that left is in no series of the next scrape", async () => {
  const mesh = twoNodeMesh({ pairDetail: "full" });
  liveAMinute(mesh);
  for (const slot of Object.values(mesh.slots)) mesh.results.close(slot);
  const { families } = parseExposition(await scrapeText(mesh.metrics));
  // Path MTU and what UDP received come from providers that list the peers of now; here they still do.
  const left = families
    .filter((f) => !f.name.startsWith("internode_path_mtu") && f.name !== "internode_udp_received_total")
    .flatMap((f) => f.samples);
  expect(left.filter((s) => "destination_node" in s.labels || "destination_zone" in s.labels)).toEqual([]);
});

test("outcomes recorded while a response is being written do not show in it, so the counters of a slot agree", async () => {
  const mesh = twoNodeMesh();
  liveAMinute(mesh);
  const slot = mesh.slots.icmpPod;
  const scrape = mesh.metrics.scrape();
  const first = scrape.next();
  const interference = setInterval(() => mesh.results.record(slot, FAILED.timeout), 0);
  for (let i = 0; i < 100; i++) mesh.results.record(slot, FAILED.timeout);
  let text = (await first).value ?? "";
  for await (const slice of scrape) text += slice;
  clearInterval(interference);
  const { samples } = parseExposition(text);
  const labels = { network: "pod", protocol: "icmp" };
  expect(values(samples, "internode_probes_total", labels)).toEqual([60]);
  expect(values(samples, "internode_probe_failures_total", labels)).toEqual([3]);
  expect(values(samples, "internode_probe_failure_reasons_total", labels)).toEqual([2, 1]);
});

test("a scrape resets nothing: the next one says the same", async () => {
  const mesh = twoNodeMesh({ pairDetail: "full" });
  liveAMinute(mesh);
  expect(await scrapeText(mesh.metrics)).toBe(await scrapeText(mesh.metrics));
});

test("a slot whose zone changed is another series, and the old one is gone", async () => {
  const mesh = twoNodeMesh();
  const { icmpPod } = mesh.slots;
  mesh.results.close(icmpPod);
  mesh.results.open({ ...icmpPod, pair: { ...icmpPod.pair, destination: { name: "node-2", zone: "zone-z" } } });
  const { samples } = parseExposition(await scrapeText(mesh.metrics));
  expect(
    samples
      .filter(
        (s) => s.name === "internode_probes_total" && s.labels["network"] === "pod" && s.labels["protocol"] === "icmp",
      )
      .map((s) => s.labels["destination_zone"]),
  ).toEqual(["zone-z"]);
});

test("protocols and networks that are switched off have no series at all", async () => {
  const { samples } = parseExposition(await scrapeText(twoNodeMesh().metrics));
  const skipped = samples
    .filter((s) => s.name === "internode_probes_skipped_total")
    .map((s) => `${s.labels["network"]!}/${s.labels["protocol"]!}`);
  expect(skipped).toEqual(["pod/icmp", "pod/tcp", "pod/udp", "node/icmp"]);
});

test("names follow the contract: prefix, units as suffixes, counters end in _total, pairs by the same labels", () => {
  for (const metric of catalogue) {
    expect(metric.name).toMatch(/^internode_[a-z_]+$/);
    expect(metric.name.endsWith("_total"), `of ${metric.name}`).toBe(metric.type === "counter");
    expect(metric.help).toMatch(/\.$/);
  }
  for (const metric of catalogue.filter((m) => m.unit === "seconds" || m.unit === "bytes"))
    expect(metric.name).toMatch(new RegExp(`_${metric.unit}$`));
  for (const metric of catalogue.filter((m) => m.labels.includes("destination_node") && m.labels.includes("protocol")))
    expect(metric.labels.slice(0, PAIR_LABELS.length)).toEqual(PAIR_LABELS);
  expect(new Set(catalogue.map((m) => m.name)).size).toBe(catalogue.length);
});

promtoolTest("promtool finds nothing to complain about, metrics of the Node.js process included", async () => {
  const mesh = twoNodeMesh({ pairDetail: "full", runtime: true, peer: { name: 'no"de\\2\n', zone: "東京" } });
  liveAMinute(mesh);
  const text = await scrapeText(mesh.metrics);
  expect(text).toContain("process_resident_memory_bytes ");
  expect(text).toContain("nodejs_heap_size_used_bytes ");
  expect(lint(text)).toEqual({ status: 0, complaints: "" });
  expect(() =>
    execFileSync("promtool", ["check", "metrics"], {
      input: text.replace("# TYPE internode_probes_total counter", "# TYPE internode_probes_total gauge"),
      stdio: "pipe",
    }),
  ).toThrow(/_total/);
});
