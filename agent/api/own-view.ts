// This agent as its API shows it: put together from what the mesh, measuring and the results say.
import { firstOfEachFamily } from "../base/ip.ts";
import type { Clock } from "../base/clock.ts";
import type { Config } from "../config/schema.ts";
import { Viewer, type ViewerOptions } from "../host/viewer.ts";
import type { Measuring } from "../measuring/measuring.ts";
import type { Mesh } from "../mesh/mesh.ts";
import { VERSION } from "../model/version.ts";
import { hostApi, peerApi } from "../peers/peer-api.ts";
import type { Results } from "../results/results.ts";
import type { AgentView } from "./agent-view.ts";
import { PodAddresses } from "./pod-addresses.ts";
import { ReadinessGate } from "./readiness.ts";
import { buildRow } from "./row.ts";

export interface OwnViewOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly incarnation: string;
  readonly startedAt: string;
  readonly mesh: Mesh;
  readonly measuring: Measuring;
  readonly results: Results;
  readonly findings: AgentView["findings"];
  readonly openTables: ViewerOptions["openTables"];
}

export interface OwnView extends AgentView, Disposable {
  readonly gate: ReadinessGate;
  /** As EvidenceSources has it. */
  readonly isReadinessTold: boolean;
}

export function ownView(options: OwnViewOptions): OwnView {
  const { config, clock, incarnation, startedAt, mesh, measuring, results, findings, openTables } = options;
  const gate = new ReadinessGate(mesh);
  const agents = new PodAddresses();
  const decided = () => agents.update(mesh.members());
  const listening = mesh.listen({ decided });
  decided();
  const namespace = config.node.podAddresses.some((address) => config.node.nodeAddresses.includes(address))
    ? "host"
    : "pod";
  const viewer = new Viewer({ node: () => mesh.self(), namespace, openTables });
  const common = { version: VERSION, incarnation, startedAt };
  const rowInputs = {
    ...common,
    clock,
    results,
    self: () => mesh.self(),
    pathMtu: () => measuring.pathMtu(),
    udpReceived: () => measuring.udpReceived(),
    unprobed: () => mesh.unprobed(),
    extent: () => mesh.extent(),
    health: () => ({ ...measuring.health(), discoveryAgeSeconds: mesh.state().ageSeconds }),
  };
  return {
    gate,
    get node() {
      return mesh.self();
    },
    readiness: () => gate.state(),
    identity: () => ({
      ...common,
      schemaVersion: 1,
      node: mesh.self(),
      podAddresses: firstOfEachFamily(config.node.podAddresses),
      nodeAddresses: firstOfEachFamily(config.node.nodeAddresses),
      relayed: mesh.others().map(({ node, addresses }) => ({ node: node.name, nodeAddresses: addresses.node })),
    }),
    peers: () => mesh.others(),
    isReadinessTold: config.discovery.kind === "kubernetes",
    extent: () => mesh.extent(),
    unusable: () => mesh.unusable(),
    peerApis: () => mesh.others().flatMap((peer) => peerApi(peer, config.ports.http) ?? []),
    row: (query) => buildRow(rowInputs, query),
    nodeView: () => viewer.view(),
    hostApis: () => {
      if (!config.hostView.enabled) return [];
      const own = {
        node: mesh.self(),
        serving: true,
        addresses: { node: firstOfEachFamily(config.node.nodeAddresses) },
      };
      return [own, ...mesh.others()].flatMap((one) => hostApi(one, config.ports.hostView) ?? []);
    },
    findings,
    isAgent: (address) => agents.has(address),
    [Symbol.dispose]: () => listening[Symbol.dispose](),
  };
}
