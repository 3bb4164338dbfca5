// A static mesh of many nodes that all live in one far namespace behind a router, and the files to start one agent with.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConfigInput } from "../../agent/config/schema.ts";
import type { StaticMesh } from "../../agent/mesh/static-file.ts";
import { JUDGES, judgeOrder } from "../../agent/judge/order.ts";
import { farAddresses, vethPair, type VethPair } from "../support/veth.ts";

export interface MeshFiles extends Disposable {
  readonly configFile: string;
}

export interface MeshFilesOptions {
  readonly address: string;
  readonly peers: number;
  /** Peers have an address on the node network as well. */
  readonly nodeNetwork?: boolean;
  /** Of the agent itself; node-0 unless given. */
  readonly name?: string;
  readonly settings: Partial<Omit<ConfigInput, "node" | "discovery">>;
}

/** Nothing but ICMP, on one network. */
export const ICMP_ONLY = {
  icmp: { networks: ["pod"] },
  tcp: { networks: [] },
  udp: { networks: [] },
  pathMtu: { enabled: false },
  dns: { enabled: false },
} as const satisfies MeshFilesOptions["settings"];

/** Pod addresses of the peers, then their node addresses. */
export const peerAddresses = (peers: number) => {
  const all = farAddresses(2 * peers);
  return { pod: all.slice(0, peers), node: all.slice(peers) };
};

/**
 * A cable with `addresses` far ones behind a router, as a pod sees its peers: one neighbour whatever their number.
 * (More than a thousand neighbours would not fit the kernel's table, net.ipv4.neigh.default.gc_thresh3.)
 */
export function routedPair(addresses: number): VethPair {
  const pair = vethPair({ addresses });
  for (let third = 1; third <= Math.ceil(addresses / 250); third++)
    pair.run(pair.near, "ip", "route", "add", `10.99.${third}.0/24`, "via", pair.farIp);
  return pair;
}

/** Of the i-th node. */
const zone = (i: number) => `zone-${"abc"[i % 3]}`;

/** A name for the agent itself that ranks behind the judges: what it costs to judge is a figure of its own. */
export function bystander(peers: number): string {
  const others = Array.from({ length: peers }, (_, i) => ({ name: `node-${i + 1}`, zone: zone(i + 1) }));
  for (let i = 0; ; i++) {
    const self = { name: `self-${i}`, zone: zone(0) };
    if (
      !judgeOrder([self, ...others], undefined)
        .slice(0, JUDGES)
        .includes(self)
    )
      return self.name;
  }
}

/** One agent, at `address`, that knows `peers` others at the far addresses, over three zones. */
export function meshFiles(options: MeshFilesOptions): MeshFiles {
  const { name = "node-0" } = options;
  const folder = mkdtempSync(join(tmpdir(), "internode-bench-"));
  const addresses = peerAddresses(options.peers);
  const mesh: StaticMesh = {
    nodes: [
      { name, zone: zone(0), podAddresses: [options.address] },
      ...addresses.pod.map((pod, i) => ({
        name: `node-${i + 1}`,
        zone: zone(i + 1),
        podAddresses: [pod],
        ...(options.nodeNetwork === true ? { nodeAddresses: [addresses.node[i]!] } : {}),
      })),
    ],
  };
  const config: ConfigInput = {
    node: { name, zone: zone(0), podAddresses: [options.address] },
    discovery: { kind: "static", file: join(folder, "mesh.json") },
    peers: { fullMeshLimit: 5_000 },
    shutdown: { drainMs: 0 },
    logLevel: "warn",
    ...options.settings,
  };
  writeFileSync(join(folder, "mesh.json"), JSON.stringify(mesh));
  writeFileSync(join(folder, "agent.json"), JSON.stringify(config));
  return {
    configFile: join(folder, "agent.json"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
