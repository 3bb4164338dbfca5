// The mesh of a cluster, asked from outside of it: one agent's view through a port-forward, and the rows that it could
// not get through port-forwards to those agents themselves. Where none may be opened, the plain rows through the API
// server's proxy.
import { get as httpGet } from "node:http";
import { readBody } from "../../base/body.ts";
import { inTurn } from "../../base/in-turn.ts";
import { inDisplayOrder } from "../../model/order.ts";
import type { Node } from "../../model/peer.ts";
import { SCHEMA_VERSION, type MissingRow, type Relayed, type Row, type Snapshot } from "../../model/snapshot.ts";
import type { Verdict } from "../../model/finding.ts";
import { parseVerdict } from "../../peers/finding-schema.ts";
import { parseRow, parseSnapshot } from "../../peers/schema.ts";
import { meshPath, NO_PAST } from "../mesh-client.ts";
import { agentPods, type AgentPod } from "./agent-pods.ts";
import { ClusterError, ForbiddenError, type ClusterConnection, type Pod } from "./connection.ts";

export interface ClusterSnapshotOptions {
  readonly cluster: ClusterConnection;
  readonly namespace: string | undefined;
  /** A time of the last hour; now when left out. */
  readonly since?: string | undefined;
  readonly signal: AbortSignal;
  /** What is being done, for a person who waits. */
  readonly progress: (step: string) => void;
}

/** Connections through the API server at once. */
const AT_ONCE = 32;
/** Agents asked for the whole mesh, one after the other, before it is put together row by row. */
const VIEWS_TRIED = 3;
const VIEW_TIMEOUT_MS = 15_000;
const ROW_TIMEOUT_MS = 5_000;
const MAX_BYTES = 256 * 1024 * 1024;
export const API_SERVER = "the API server";

export interface ClusterMesh {
  readonly snapshot: Snapshot;
  /** A judge's word by way of the asked agent; the API server's proxy gives none. */
  readonly verdict: Verdict | undefined;
}

/** Throws ClusterError. */
export async function clusterMesh(options: ClusterSnapshotOptions): Promise<ClusterMesh> {
  const { cluster, namespace, since, signal, progress } = options;
  progress("looking for agents");
  const pods = await agentPods(cluster, namespace, signal);
  const failures: unknown[] = [];
  for (const pod of pods.filter(({ ready }) => ready).slice(0, VIEWS_TRIED)) {
    progress(`asking the agent of ${pod.node ?? pod.name} through a port-forward`);
    try {
      const seen = parseSnapshot(JSON.parse(await forwarded(options, pod, meshPath(since), VIEW_TIMEOUT_MS)));
      if (since !== undefined && seen.span === undefined) throw new ClusterError(`the agent of ${pod.name} ${NO_PAST}`);
      const verdict = await forwardedVerdict(options, pod);
      return { snapshot: await withForwardedRows(seen, pods, options), verdict };
    } catch (err) {
      if (signal.aborted) throw err;
      failures.push(err);
      if (err instanceof ForbiddenError) break;
    }
  }
  // Through the proxy anybody who may read it would come as no known agent: it gives the plain rows of now.
  if (since !== undefined)
    throw new ClusterError(
      `the past is told through a port-forward only, and none could be used: ${failures[0] instanceof Error ? failures[0].message : "no agent is ready"}`,
    );
  progress(`asking ${pods.length} agents for their rows through the API server's proxy`);
  return { snapshot: await rowByRow(pods, options, failures[0]), verdict: undefined };
}

/** Undefined where the agent serves none: it is older than judges. */
async function forwardedVerdict(options: ClusterSnapshotOptions, pod: Pod): Promise<Verdict | undefined> {
  try {
    return parseVerdict(JSON.parse(await forwarded(options, pod, "/api/v1/verdict", VIEW_TIMEOUT_MS)));
  } catch (err) {
    if (options.signal.aborted) throw err;
    return undefined;
  }
}

/** The rows that the asked agent could not get, from their own agents. */
async function withForwardedRows(
  seen: Snapshot,
  pods: readonly AgentPod[],
  options: ClusterSnapshotOptions,
): Promise<Snapshot> {
  const rows = [...seen.rows];
  const relayed: Relayed[] = [...(seen.relayed ?? [])];
  const missing = await inTurn(seen.missing, AT_ONCE, async (row): Promise<MissingRow | undefined> => {
    const pod = pods.find(({ node }) => node === row.node.name);
    if (pod === undefined) return row;
    if (!pod.ready) return { ...row, reason: `${row.reason}; its pod is ${pod.state}` };
    options.progress(`asking the agent of ${row.node.name} through a port-forward`);
    try {
      const query = seen.span ? `?${new URLSearchParams({ ...seen.span }).toString()}` : "";
      const given = parseRow(await forwarded(options, pod, `/api/v1/pairs${query}`, ROW_TIMEOUT_MS), row.node);
      if (seen.span && given.covered === undefined) throw new ClusterError(`its agent ${NO_PAST}`);
      rows.push(given);
    } catch (err) {
      return { ...row, reason: `${row.reason}; by way of ${API_SERVER}: ${(err as Error).message}` };
    }
    relayed.push({ node: row.node, by: [API_SERVER], trust: "forwarded", reason: row.reason });
    return undefined;
  });
  const order = new Map(seen.nodes.map(({ name }, i) => [name, i]));
  return {
    ...seen,
    rows: rows.sort((a, b) => (order.get(a.source.name) ?? 0) - (order.get(b.source.name) ?? 0)),
    missing: missing.filter((row) => row !== undefined),
    ...(relayed.length > 0 && { relayed }),
  };
}

async function rowByRow(
  pods: readonly AgentPod[],
  { cluster, signal }: ClusterSnapshotOptions,
  because: unknown,
): Promise<Snapshot> {
  const scheduled = pods.filter((pod): pod is AgentPod & { node: string } => pod.node !== undefined);
  const answers = await inTurn(
    scheduled,
    AT_ONCE,
    async ({ namespace, name, port, node, ready, state }): Promise<Row | MissingRow> => {
      const asked: Node = { name: node, zone: "" };
      if (!ready) return { node: asked, reason: `its pod is ${state}` };
      try {
        const given = await cluster.getFromPod({ namespace, name, port }, "/api/v1/pairs", signal);
        return parseRow(given.toString("utf8"), asked);
      } catch (err) {
        if (signal.aborted) throw err;
        return { node: asked, reason: (err as Error).message };
      }
    },
  );
  const rows = answers.filter((answer) => "pairs" in answer);
  const missing = answers.filter((answer) => "reason" in answer);
  if (rows.length === 0) {
    const why = [because instanceof Error ? because.message : undefined, missing[0]?.reason];
    throw new ClusterError(why.filter((reason) => reason !== undefined).join("; and ") || "no agent has a node yet");
  }
  const zones = new Map(
    rows.flatMap((row) => [row.source, ...row.pairs.map((p) => p.destination)]).map((n) => [n.name, n.zone]),
  );
  const zoned = (node: Node): Node => ({ ...node, zone: zones.get(node.name) ?? "" });
  const inOrder = inDisplayOrder([...rows.map((row) => row.source), ...missing.map(({ node }) => zoned(node))]);
  const order = new Map(inOrder.map(({ name }, i) => [name, i]));
  return {
    schemaVersion: SCHEMA_VERSION,
    at: new Date().toISOString(),
    by: { name: API_SERVER, zone: "" },
    nodes: inOrder,
    rows: rows.sort((a, b) => order.get(a.source.name)! - order.get(b.source.name)!),
    missing: missing.map((row) => ({ ...row, node: zoned(row.node) })),
  };
}

/** GET over a port-forward of its own. */
async function forwarded(
  { cluster, signal }: ClusterSnapshotOptions,
  pod: Pod,
  path: string,
  timeoutMs: number,
): Promise<string> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const socket = await cluster.forward(pod);
  try {
    return await new Promise<string>((resolve, reject) => {
      socket.on("error", reject);
      const headers = { host: `127.0.0.1:${pod.port}`, connection: "close" };
      httpGet({ path, headers, signal: deadline, createConnection: () => socket }, (response) => {
        readBody(response, {
          maxBytes: MAX_BYTES,
          tooLarge: () => new ClusterError(`${path} answers more than ${MAX_BYTES} bytes`),
        })
          .then((body) => body.toString("utf8"))
          .then((text) =>
            response.statusCode === 200
              ? resolve(text)
              : reject(new ClusterError(`pod ${pod.name} answered HTTP ${response.statusCode}: ${text.slice(0, 200)}`)),
          )
          .catch(reject);
      }).on("error", (err) =>
        reject(
          new ClusterError(
            deadline.aborted ? `no answer from pod ${pod.name} within ${timeoutMs / 1_000} s` : err.message,
          ),
        ),
      );
    });
  } finally {
    socket.destroy();
  }
}
