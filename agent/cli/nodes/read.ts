// The views of nodes: of the agent at a URL and, by way of it, of the others; or of each agent of a cluster through a
// port-forward of its own, which works where the nodes do not reach each other.
import { get as httpGet, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { readBody } from "../../base/body.ts";
import { forText } from "../../base/escape.ts";
import { inTurn } from "../../base/in-turn.ts";
import { nodeViewSchema, type Namespace, type NodeView } from "../../model/node-view.ts";
import { compareNames } from "../../model/order.ts";
import { UsageError } from "../command.ts";
import { AgentUnreachable, DEFAULT_URL, unreachable } from "../mesh-client.ts";
import { Progress } from "../progress.ts";
import type { Reach } from "../reach.ts";

export interface Unseen {
  readonly node: string;
  readonly why: string;
}

export interface ViewsRead {
  readonly views: readonly NodeView[];
  readonly unseen: readonly Unseen[];
  /** Of all views. */
  readonly namespace: Namespace;
  /** Whether every node of the mesh is among the views. */
  readonly isWhole: boolean;
}

export interface WantedViews {
  /** Node names; none: all. */
  readonly nodes: readonly string[];
  /** Undefined: the host's where there is a host view, else the pod's. */
  readonly namespace: Namespace | undefined;
}

/** Asks for one node's view. Rejects with an error whose message is the reason. */
type Ask = (node: string) => Promise<NodeView>;

interface NodeReader {
  readonly nodes: readonly string[];
  readonly ask: Ask;
}

const AT_ONCE = 32;
const TIMEOUT_MS = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;

/** Throws AgentUnreachable where nobody can be asked, and UsageError for a node that there is not. */
export async function readViews(reach: Reach, wanted: WantedViews, signal: AbortSignal): Promise<ViewsRead> {
  using progress = new Progress();
  const { nodes, ask } = await openReader(reach, { wanted, signal, progress });
  const known = [...nodes].sort(compareNames);
  const unknown = wanted.nodes.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new UsageError(`there is no node '${unknown}' in the mesh; its nodes are ${known.join(", ")}`);
  const asked = wanted.nodes.length === 0 ? known : [...new Set(wanted.nodes)];
  let answered = 0;
  const answers = await inTurn(asked, AT_ONCE, async (node): Promise<NodeView | Unseen> => {
    try {
      return await ask(node);
    } catch (err) {
      if (signal.aborted) throw err;
      return { node, why: (err as Error).message };
    } finally {
      progress.step(`read ${++answered} of ${asked.length} nodes`);
    }
  });
  return alike(answers, { isWhole: asked.length === known.length });
}

/** Views of one kind of namespace: where some have a host view and others none, the others are named. */
function alike(answers: readonly (NodeView | Unseen)[], { isWhole }: Pick<ViewsRead, "isWhole">): ViewsRead {
  const views = answers.filter((answer): answer is NodeView => "schemaVersion" in answer);
  const unseen = answers.filter((answer): answer is Unseen => "why" in answer);
  const namespace = views.some((view) => view.namespace === "host") ? "host" : "pod";
  const same = views.filter((view) => view.namespace === namespace);
  const others = views
    .filter((view) => view.namespace !== namespace)
    .map(({ node }) => ({ node: node.name, why: "its agent has no host view, as the others have" }));
  return {
    views: same,
    unseen: [...unseen, ...others],
    namespace,
    isWhole: isWhole && same.length === answers.length,
  };
}

interface Opening {
  readonly wanted: WantedViews;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

async function openReader(reach: Reach, opening: Opening): Promise<NodeReader> {
  switch (reach.kind) {
    case "url":
      return atUrl(reach.url, opening);
    case "cluster":
      return inCluster(reach, opening);
    case "nearest": {
      let local: AgentUnreachable;
      try {
        return await atUrl(DEFAULT_URL, opening);
      } catch (err) {
        if (!(err instanceof AgentUnreachable) || !err.nobodyThere) throw err;
        local = err;
      }
      try {
        return await inCluster(reach, opening);
      } catch (err) {
        if (!(err instanceof AgentUnreachable)) throw err;
        throw new AgentUnreachable(`${local.message}. By the kubeconfig: ${err.message}`);
      }
    }
  }
}

const queryOf = (own: { readonly of?: string }, { namespace }: WantedViews): string =>
  `/api/v1/node?${new URLSearchParams({ ...own, namespace: namespace ?? "widest" }).toString()}`;

async function atUrl(url: string, { wanted, signal, progress }: Opening): Promise<NodeReader> {
  const { hostname, port, host, origin } = new URL(url);
  const to = { hostname: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 80 : Number(port), host };
  progress.step(`asking ${origin} for its peers`);
  let peers: PeersAnswer;
  try {
    peers = JSON.parse(await got({ ...to, path: "/api/v1/peers", signal })) as PeersAnswer;
  } catch (err) {
    if (signal.aborted) throw err;
    throw unreachable(new URL(url), err as Error);
  }
  return {
    nodes: [peers.node.name, ...peers.peers.map(({ node }) => node.name)],
    ask: async (node) => viewIn(await got({ ...to, path: queryOf({ of: node }, wanted), signal }), node),
  };
}

interface PeersAnswer {
  readonly node: { readonly name: string };
  readonly peers: readonly { readonly node: { readonly name: string } }[];
}

async function inCluster(
  choice: Extract<Reach, { readonly kind: "cluster" | "nearest" }>,
  { wanted, signal, progress }: Opening,
): Promise<NodeReader> {
  progress.step("reading the kubeconfig");
  const [{ ClusterError, openCluster }, { agentPods }] = await Promise.all([
    import("../cluster/connection.ts"),
    import("../cluster/agent-pods.ts"),
  ]);
  try {
    const cluster = await openCluster(choice);
    progress.step("looking for agents");
    const pods = await agentPods(cluster, choice.namespace, signal);
    const byNode = new Map(pods.flatMap((pod) => (pod.node === undefined ? [] : [[pod.node, pod] as const])));
    return {
      nodes: [...byNode.keys()],
      ask: async (node) => {
        const pod = byNode.get(node)!;
        if (!pod.ready) throw new Error(`its pod is ${pod.state === "Running" ? "not ready" : pod.state}`);
        const socket = await cluster.forward(pod);
        try {
          const to = { socket, host: `127.0.0.1:${pod.port}` };
          return viewIn(await got({ ...to, path: queryOf({}, wanted), signal }), node);
        } finally {
          socket.destroy();
        }
      },
    };
  } catch (err) {
    throw err instanceof ClusterError ? new AgentUnreachable(err.message, { cause: err }) : err;
  }
}

interface Get {
  readonly path: string;
  readonly host: string;
  readonly hostname?: string;
  readonly port?: number;
  readonly socket?: Duplex;
  readonly signal: AbortSignal;
}

/** The body of an answer with 200; rejects with what the agent says otherwise. */
async function got({ path, host, hostname, port, socket, signal }: Get): Promise<string> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    socket?.on("error", reject);
    const headers = { host, connection: "close" };
    const to = socket ? { createConnection: () => socket } : { hostname, port };
    httpGet({ ...to, path, headers, signal: within }, resolve).on("error", (err) =>
      reject(within.aborted && !signal.aborted ? new Error(`no answer within ${TIMEOUT_MS / 1_000} s`) : err),
    );
  });
  const tooLarge = () => new Error(`its answer has more than ${MAX_BYTES} bytes`);
  const text = (await readBody(response, { maxBytes: MAX_BYTES, tooLarge })).toString("utf8");
  if (response.statusCode === 200) return text;
  throw new Error(response.statusCode === 404 && !text.includes("view") ? OLDER : inItsWords(text));
}

const OLDER = "its agent is of an older release and tells nothing of its node: finish the upgrade";

function inItsWords(text: string): string {
  try {
    const { error } = JSON.parse(text) as { readonly error?: unknown };
    if (typeof error === "string") return forText(error.slice(0, 500));
  } catch {
    // No answer of an agent of ours.
  }
  return forText(text.slice(0, 200).trim());
}

/** Throws what is wrong with it. */
function viewIn(text: string, node: string): NodeView {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Error("it answered something that is no JSON");
  }
  const read = nodeViewSchema.safeParse(body);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new Error(forText(`its answer is no view of a node: ${issue!.path.join(".")}: ${issue!.message}`));
  }
  if (read.data.node.name !== node) throw new Error(`it answered for ${forText(read.data.node.name)} instead`);
  return read.data;
}
