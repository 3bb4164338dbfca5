// What kernels tell, this node's or another's: from this process, from another agent, or from a node's host view.
import { onceFor } from "../base/once.ts";
import type { NodeView } from "../model/node-view.ts";
import { PeerViews, type PeerView, type TokenSource } from "../peers/peer-views.ts";
import type { AgentView } from "./agent-view.ts";

export interface NodeDeskOptions {
  readonly sources: Pick<AgentView, "node" | "nodeView" | "peerApis" | "hostApis">;
  readonly token?: TokenSource | undefined;
  readonly deadlineMs?: number;
}

export const WHOSE = ["pod", "host", "widest"] as const;

export interface NodeQuery {
  /** A node of the mesh by its name; absent: this one. */
  readonly of?: string;
  /** `widest`: the host's where there are host views. Absent: that which the asked agent is in. */
  readonly namespace?: (typeof WHOSE)[number];
}

/** One may be some megabytes: written once, however many ask. */
const written = onceFor((view: NodeView) => Buffer.from(JSON.stringify(view)));

export class NodeDesk {
  readonly #options: NodeDeskOptions;
  readonly #views: PeerViews;

  constructor(options: NodeDeskOptions) {
    this.#options = options;
    const { token, deadlineMs } = options;
    this.#views = new PeerViews({ token, ...(deadlineMs !== undefined && { deadlineMs }) });
  }

  async ask({ of, namespace }: NodeQuery): Promise<PeerView> {
    const { sources } = this.#options;
    const name = of ?? sources.node.name;
    const isOwn = name === sources.node.name;
    if (!isOwn && !sources.peerApis().some(({ node }) => node.name === name))
      return { status: 404, error: `there is no node '${name}' in this mesh that could be asked for its view` };
    const hosts = sources.hostApis();
    if (namespace === "host" || (namespace === "widest" && hosts.length > 0)) {
      const own = isOwn && hosts.length === 0 ? await sources.nodeView() : undefined;
      if (own?.namespace === "host") return { status: 200, json: written(own) };
      const host = hosts.find(({ node }) => node.name === name);
      if (host) return this.#views.ask(host);
      return {
        status: 404,
        error:
          hosts.length === 0
            ? "there are no host views: set the chart's hostView.enabled=true"
            : `the node address of ${name} is not known, so its host view cannot be asked`,
      };
    }
    if (!isOwn) return this.#views.ask(sources.peerApis().find(({ node }) => node.name === name)!);
    const view = await sources.nodeView();
    if (namespace === "pod" && view.namespace === "host")
      return { status: 404, error: "the agents run in the nodes' own network: there is no view of a pod's" };
    return { status: 200, json: written(view) };
  }
}
