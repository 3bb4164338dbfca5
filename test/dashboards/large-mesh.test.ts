// What the node matrix shows of a mesh that is too large to read, by promtool on generated series.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dashboards } from "../../dashboards/all.ts";
import { BUILT_IN, fill, queriesOf } from "./queries.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("promtool");

const LOSSY = { source: "node-70", destination: "node-02" };
const matrix = (() => {
  const query = queriesOf(dashboards["mesh"]!).find(({ panel }) => panel.title === "Loss, node to node")!;
  const everything = { protocol: ".*", source_zone: ".*", destination_zone: ".*", from_node: ".*", to_node: ".*" };
  return fill(query.target.expr, { ...BUILT_IN, ...everything, cluster: "big", network: "pod", window: "2m" });
})();

/**
 * ICMP of a ring in which every node probes the next three, for promtool reads few samples at once, and one pair loses
 * half. Delays grow with the number of the source, so that no two nodes tie.
 */
function* seriesOf(nodes: number): Generator<{ readonly series: string; readonly values: string }> {
  const names = Array.from({ length: nodes }, (_, index) => `node-${String(index + 1).padStart(2, "0")}`);
  for (const [index, source] of names.entries()) {
    yield { series: `internode_mesh_size{cluster="big",source_node="${source}"}`, values: `${nodes}x20` };
    for (const destination of [1, 2, 3].map((step) => names[(index + step) % nodes]!)) {
      const labels = `{cluster="big",source_node="${source}",destination_node="${destination}",network="pod",protocol="icmp",ip_family="ipv4"}`;
      const lost = source === LOSSY.source && destination === LOSSY.destination ? 7.5 : 0;
      yield { series: `internode_probes_total${labels}`, values: "0+15x20" };
      yield { series: `internode_probe_failures_total${labels}`, values: `0+${lost}x20` };
      yield {
        series: `internode_rtt_seconds_sum${labels}`,
        values: `0+${(15 - lost) * 0.001 * (1 + index / 1000)}x20`,
      };
    }
  }
}

/** Throws, with promtool's words, unless each expression has these samples after five minutes. */
function judge(
  nodes: number,
  expected: readonly {
    readonly expr: string;
    readonly samples: readonly { readonly labels: string; readonly value: number }[];
  }[],
): void {
  const folder = mkdtempSync(join(tmpdir(), "internode-large-mesh-"));
  try {
    const file = join(folder, "test.json");
    const promql_expr_test = expected.map(({ expr, samples }) => ({ expr, eval_time: "5m", exp_samples: samples }));
    writeFileSync(
      file,
      JSON.stringify({ tests: [{ interval: "15s", input_series: [...seriesOf(nodes)], promql_expr_test }] }),
    );
    execFileSync("promtool", ["test", "rules", file], { stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("the node matrix", () => {
  const lossy = [{ labels: `{source_node="${LOSSY.source}", destination_node="${LOSSY.destination}"}`, value: 0.5 }];

  test("shows 40 of 70 nodes on both axes, the lossy pair and its two nodes among them", () => {
    expect(() =>
      judge(70, [
        { expr: `count((${matrix}) == -1)`, samples: [{ labels: "{}", value: 40 }] },
        { expr: `(${matrix}) > 0`, samples: lossy },
      ]),
    ).not.toThrow();
  }, 60_000);

  test("shows all of 60 nodes", () => {
    expect(() =>
      judge(60, [{ expr: `count((${matrix}) == -1)`, samples: [{ labels: "{}", value: 60 }] }]),
    ).not.toThrow();
  }, 60_000);
});
