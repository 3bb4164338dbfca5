// A Kubernetes source that watches an API server process of its own: what tests of discovery are written against.
import { afterEach, assert, beforeEach, vi } from "vitest";
import { kubeAccess } from "../../agent/mesh/kube-access.ts";
import { createKubernetesSource, type KubernetesSourceOptions } from "../../agent/mesh/kubernetes-source.ts";
import type { Endpoint } from "../../agent/mesh/source.ts";
import { ApiServerProcess, type ApiServerOptions } from "./api-server-process.ts";
import type { SeenRequest } from "./api-server.ts";

export interface Heard {
  readonly lists: (readonly Endpoint[])[];
  synced: number;
  readonly failures: string[];
}

export class WatchedSource {
  api!: ApiServerProcess;
  heard!: Heard;
  source: AsyncDisposable | undefined;

  async startApi(options: ApiServerOptions = {}): Promise<void> {
    this.api = await ApiServerProcess.start(options);
  }

  /** Credentials are those of a pod unless `changes` has others. */
  start(changes: Partial<KubernetesSourceOptions> = {}): void {
    const { api, heard } = this;
    this.source = createKubernetesSource({
      namespace: "monitoring",
      service: "internode",
      idleTimeoutMs: 60_000,
      backoff: { baseMs: 10, capMs: 50 },
      access: kubeAccess({ env: api.podEnvironment, serviceAccountDirectory: api.directory }),
      ...changes,
    }).start({
      endpoints: (list) => heard.lists.push(list),
      synced: () => (heard.synced += 1),
      failed: (error) => heard.failures.push(error.message),
    });
  }

  /** Nodes of the newest list. */
  names(): string[] | undefined {
    return this.heard.lists.at(-1)?.map((e) => e.node.name);
  }
  untilNames(...expected: string[]): Promise<void> {
    return until(() => assert.deepEqual(this.names(), expected));
  }
  /** Until the server has exactly one watch open. */
  watching(): Promise<void> {
    return until(async () => assert.equal(await this.api.openWatches(), 1));
  }
  async requests(kind: "list" | "watch"): Promise<SeenRequest[]> {
    return (await this.api.seen()).filter((r) => r.kind === kind);
  }
}

/**
 * A server for each test of the file that calls this, gone with what was started after it. `startsApi` false: each test
 * starts its own.
 */
export function watchedSource({ startsApi = true }: { readonly startsApi?: boolean } = {}): WatchedSource {
  const watched = new WatchedSource();
  beforeEach(async () => {
    watched.heard = { lists: [], synced: 0, failures: [] };
    if (startsApi) await watched.startApi();
  });
  afterEach(async () => {
    await watched.source?.[Symbol.asyncDispose]();
    watched.source = undefined;
    await watched.api[Symbol.asyncDispose]();
  });
  return watched;
}

export const until = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 15_000, interval: 20 });

/** An endpoint as the controller writes it for a pod of the DaemonSet. */
export const podEndpoint = (node: string, address: string, rest: object = {}) => ({
  addresses: [address],
  conditions: { ready: true, serving: true, terminating: false },
  nodeName: node,
  zone: "zone-a",
  targetRef: { kind: "Pod", name: `internode-${node}`, namespace: "monitoring", uid: `uid-${node}` },
  ...rest,
});
