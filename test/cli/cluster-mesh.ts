// A whole mesh of real APIs, each behind a pod of a made-up API server.
import { startAgent, type RunningAgent } from "../api/api-mesh.ts";
import { startKubeFront, type FrontPod, type KubeFront } from "../support/kube-front.ts";
import { sampleNodes, type SampleMesh } from "../support/sample-mesh.ts";

export interface ClusterMesh {
  readonly front: KubeFront;
  readonly agents: RunningAgent[];
}

/** Every agent knows all others. Ends with `opened`. */
export async function startClusterMesh(mesh: SampleMesh, opened: AsyncDisposableStack): Promise<ClusterMesh> {
  const front = opened.use(await startKubeFront());
  const agents: RunningAgent[] = [];
  for (const node of sampleNodes(mesh)) {
    const agent = await startAgent(mesh, node, "127.0.0.1", { deadlineMs: 300 });
    opened.use(agent.api);
    agents.push(agent);
  }
  for (const agent of agents)
    agent.agent.apis = agents
      .filter((other) => other !== agent)
      .map(({ agent: { node }, url }) => ({ node, url, serving: true }));
  front.pods = agents.map(podOf);
  return { front, agents };
}

export const podOf = ({ agent, api }: RunningAgent): FrontPod => ({
  name: `internode-${agent.node.name}`,
  node: agent.node.name,
  at: { host: "127.0.0.1", port: api.port },
});
