// A mesh on a CNI of the field, installed from the default values: what it counts while something is broken, and what
// `internode matrix` says of it.
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { ClusterOptions } from "../../cluster/plan.ts";
import { TestPods } from "../../cluster/test-pods.ts";
import { failingCells, notesOf } from "../../support/matrix-cells.ts";
import { namesWhere, since, slotsAmong, slotsOf, wasDead, wasHealthy } from "../../support/slots.ts";
import { internode } from "../internode.ts";
import { UDP_SETTLED_MS, untilHealthy } from "../measured.ts";
import { Release, type ReleasePlan } from "../release.ts";
import { helms, Target } from "../target.ts";

export const NODES = ["node-1", "node-2", "node-3"] as const;
/** Of probes, metrics and HTTP. */
export const PORTS = { probe: 7843, metrics: 9843, http: 8843 };
/** What `matrix` looks back on, and a little for the slowest protocol's next probe. */
const WINDOW_MS = 66_000;

export interface Matrix {
  readonly exitCode: number;
  readonly text: string;
}

/** Slots by what became of them in a stretch of time. What is neither lost some of its probes. */
export interface Counted {
  readonly dead: readonly string[];
  readonly healthy: readonly string[];
}

export interface WhileDead extends Counted {
  /** What the nodes that are left must lose: their slots to the dead one. */
  readonly lost: readonly string[];
  /** Their slots among themselves. */
  readonly others: readonly string[];
  readonly matrix: Matrix;
}

export class CniMesh implements AsyncDisposable {
  readonly target: Target;
  readonly release: Release;
  /** Of every pair, by its kinds. */
  readonly slots: readonly string[];

  private constructor(target: Target, release: Release, slots: readonly string[]) {
    this.target = target;
    this.release = release;
    this.slots = slots;
  }

  /** Three nodes, the chart's own values and every slot answered without a loss. `prepare` comes before the release. */
  static async open(
    options: ClusterOptions & Pick<ReleasePlan, "level">,
    values: object = {},
    kinds?: readonly string[],
    prepare: (target: Target) => Promise<void> = () => Promise.resolve(),
  ): Promise<CniMesh> {
    const [helm] = await helms();
    const { level, ...cluster } = options;
    const target = await Target.open(cluster);
    try {
      await prepare(target);
      const plan = { helm: helm!, namespace: "internode", ...(level !== undefined && { level }) };
      const release = await Release.install(target, plan, values);
      const mesh = new CniMesh(target, release, slotsAmong(NODES, kinds));
      await mesh.allHealthy();
      return mesh;
    } catch (err) {
      await target[Symbol.asyncDispose]();
      throw err;
    }
  }

  async allHealthy(): Promise<void> {
    await untilHealthy(this.release, this.slots, 180_000);
  }

  /** What the agents count from when a fault has shown everywhere. */
  async countedNow(nodes: readonly string[] = NODES): Promise<Counted> {
    await sleep(UDP_SETTLED_MS);
    const agents = (await this.release.agents()).filter(({ node }) => nodes.includes(node));
    const before = slotsOf(await this.release.scrapeAll(agents));
    await sleep(12_000);
    const counted = since(before, slotsOf(await this.release.scrapeAll(agents)));
    return { dead: namesWhere(counted, wasDead), healthy: namesWhere(counted, wasHealthy) };
  }

  /** How often probes failed for this reason until now, by slot. */
  async failuresBecause(reason: string): Promise<ReadonlyMap<string, number>> {
    const samples = await this.release.scrapeAll();
    return new Map(
      samples
        .filter(({ name, labels }) => name === "internode_probe_failure_reasons_total" && labels["reason"] === reason)
        .map(({ labels, value }) => [
          `${labels["source_node"]} → ${labels["destination_node"]} ${labels["network"]} ${labels["protocol"]}`,
          value,
        ]),
    );
  }

  /** Once its minute holds the present alone. */
  async matrix(): Promise<Matrix> {
    await sleep(WINDOW_MS - UDP_SETTLED_MS - 12_000);
    const { code, out, err } = await internode(["matrix", "--namespace", this.release.namespace], this.target);
    return { exitCode: code, text: out + err };
  }

  /** On every node, and for good: what it laid stays. */
  async killFlannel(): Promise<void> {
    const nowhere = { spec: { template: { spec: { nodeSelector: { nowhere: "true" } } } } };
    const flannel = ["--namespace", "kube-flannel"];
    const patch = ["patch", "daemonset", "kube-flannel-ds", "--patch", JSON.stringify(nowhere)];
    await this.target.kubectl([...flannel, ...patch]);
    await this.target.kubectl([...flannel, "wait", "pod", "--all", "--for=delete", "--timeout=60s"]);
  }

  /** Stopped and off the network: the kernel of a node that is only stopped goes on answering. */
  async whileDead(name: (typeof NODES)[number]): Promise<WhileDead> {
    const seen = this.slots.filter((slot) => !slot.startsWith(name));
    const lost = seen.filter((slot) => slot.includes(name));
    const node = this.target.own.node(name);
    await node.freeze();
    await node.cutLink();
    try {
      const counted = await this.countedNow(NODES.filter((other) => other !== name));
      return { ...counted, lost, others: without(seen, lost), matrix: await this.matrix() };
    } finally {
      await node.healLink();
      await node.thaw();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.target[Symbol.asyncDispose]();
  }
}

/** It fails in these cells and no others, names who is concerned below them, and exits as for something broken. */
export function expectLost({ exitCode, text }: Matrix, lost: readonly string[], named: RegExp): void {
  expect(failingCells(text)).toEqual(lost);
  expect(notesOf(text).join()).toMatch(named);
  expect(exitCode).toBe(1);
}

/** What the chart's own policy leaves to a pod that is no agent: it may scrape an agent. */
export const STRANGERS_MAY = { scrape: true, ask: false, probe: false, ping: false };

/** What a pod that is no agent, on one node, really gets of an agent on another one. */
export async function whatStrangersMay({ target, release }: CniMesh): Promise<typeof STRANGERS_MAY> {
  const pods = new TestPods(target.own);
  await pods.install();
  const stranger = (await pods.list()).find(({ node }) => node === "node-1")!;
  const agent = (await release.agents()).find(({ node }) => node === "node-2")!;
  const gets = async (port: number, path: string): Promise<boolean> => {
    try {
      await pods.get(stranger, `http://${agent.address}:${port}${path}`);
      return true;
    } catch (err) {
      if (/connection refused|timeout|deadline/i.test(String(err))) return false;
      throw err;
    }
  };
  return {
    scrape: await gets(PORTS.metrics, "/metrics"),
    ask: await gets(PORTS.http, "/api/v1/identity"),
    probe: await gets(PORTS.probe, "/"),
    ping: await pods.reaches(stranger, agent.address),
  };
}

/** Those of the pod network between two nodes, in both orders. */
export function podSlotsBetween(slots: readonly string[], a: string, b: string): readonly string[] {
  return slots.filter((slot) => {
    const words = slot.split(" ");
    return words.includes(a) && words.includes(b) && words.includes("pod");
  });
}

export const without = (slots: readonly string[], taken: readonly string[]): readonly string[] =>
  slots.filter((slot) => !taken.includes(slot));
