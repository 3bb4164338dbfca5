// What a Prometheus with the chart's rules says of CNIs that are broken: one page for the pod network of the node concerned,
// and none while nothing is lost.
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { ClusterOptions } from "../../cluster/plan.ts";
import { until } from "../../cluster/until.ts";
import { OperatorStack } from "../operator.ts";
import { report } from "../target.ts";
import { CniMesh, NODES } from "./mesh.ts";

const MINUTE_MS = 60_000;
/** Five minutes of window, one of hold. */
const CALM_MS = 6 * MINUTE_MS;

class WatchedMesh implements AsyncDisposable {
  readonly mesh: CniMesh;
  readonly #stack: OperatorStack;

  private constructor(mesh: CniMesh, stack: OperatorStack) {
    this.mesh = mesh;
    this.#stack = stack;
  }

  /** Every node is judged, and nothing fires. */
  static async open(options: ClusterOptions): Promise<WatchedMesh> {
    let stack: OperatorStack | undefined;
    const values = { monitoring: { labels: { release: "kps" } } };
    const mesh = await CniMesh.open(options, values, undefined, async (target) => {
      stack = await OperatorStack.start(target.own);
    });
    const watched = new WatchedMesh(mesh, stack!);
    try {
      await stack!.startPrometheus(mesh.release.namespace);
      await until("all nodes to be judged", () => watched.#isJudged(), { timeoutMs: 8 * MINUTE_MS, intervalMs: 5_000 });
      return watched;
    } catch (err) {
      await mesh[Symbol.asyncDispose]();
      throw err;
    }
  }

  async #isJudged(): Promise<boolean> {
    const [count] = await this.#stack.prometheus.query("internode:nodes:count");
    return count?.value === NODES.length;
  }

  /** Name, severity and node of each. */
  async firing(): Promise<readonly string[]> {
    const firing = await this.#stack.prometheus.query('ALERTS{alertstate="firing"}');
    return firing
      .map(({ labels }) =>
        [labels["alertname"], labels["severity"], labels["node"] ?? labels["subject"]].filter(Boolean).join(" "),
      )
      .sort();
  }

  /** Once something that is not a finding of the judges fires. */
  async paged(what: string): Promise<readonly string[]> {
    const startedMs = performance.now();
    const pages = async (): Promise<readonly string[]> =>
      (await this.firing()).filter((alert) => !alert.startsWith("InternodeFinding"));
    await until("an alert", async () => (await pages()).length > 0, { timeoutMs: 10 * MINUTE_MS, intervalMs: 2_000 });
    report(
      `${what}: alert after ${((performance.now() - startedMs) / 1000).toFixed(0)} s: ${(await pages()).join(", ")}`,
    );
    return pages();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mesh[Symbol.asyncDispose]();
  }
}

describe("Flannel", () => {
  test("killed it fires nothing while what it laid carries; a node whose tunnel address is wrong is the pod network's page", async () => {
    await using watched = await WatchedMesh.open({ cni: "flannel-vxlan" });
    const { mesh } = watched;
    await mesh.killFlannel();
    await sleep(CALM_MS);
    expect(await watched.firing()).toEqual([]);
    // As an entry of each peer says when a node comes back under another address and nobody is there to tell.
    const [{ address: mac }] = JSON.parse(
      await mesh.target.own.node("node-2").run(["ip", "-json", "link", "show", "flannel.1"]),
    ) as [{ address: string }];
    for (const node of ["node-1", "node-3"])
      await mesh.target.own
        .node(node)
        .run(["bridge", "fdb", "replace", mac, "dev", "flannel.1", "dst", "10.100.0.199", "self", "permanent"]);
    expect(await watched.paged("wrong tunnel address")).toEqual(["InternodePodNetworkDegraded critical node-2"]);
  });
});

describe("kube-router", () => {
  test("a node whose BGP sessions are down is one page", async () => {
    await using watched = await WatchedMesh.open({ cni: "kube-router" });
    const rules = `table inet nobgp {
      chain out { type filter hook output priority 0; tcp dport 179 reject with tcp reset; tcp sport 179 reject with tcp reset; }
    }`;
    await watched.mesh.target.own.node("node-2").run(["nft", "-f", "-"], { input: rules });
    expect(await watched.paged("BGP sessions down")).toEqual(["InternodeNodeDegraded critical node-2"]);
  });
});
