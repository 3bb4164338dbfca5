// A static mesh of many nodes that all live in one far namespace, and the files to start one agent with.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConfigInput } from "../../agent/config/schema.ts";
import type { StaticMesh } from "../../agent/mesh/static-file.ts";
import { farAddresses } from "../support/veth.ts";

export interface MeshFiles extends Disposable {
  readonly configFile: string;
}

/** One agent, at `address`, that knows `peers` others at the far addresses, over three zones. */
export function meshFiles(options: { readonly address: string; readonly peers: number; readonly settings: Partial<Omit<ConfigInput, "node" | "discovery">> }): MeshFiles {
  const folder = mkdtempSync(join(tmpdir(), "internode-bench-"));
  const zone = (i: number) => `zone-${"abc"[i % 3]}`;
  const mesh: StaticMesh = {
    nodes: [
      { name: "node-0", zone: zone(0), podAddresses: [options.address] },
      ...farAddresses(options.peers).map((address, i) => ({ name: `node-${i + 1}`, zone: zone(i + 1), podAddresses: [address] })),
    ],
  };
  const config: ConfigInput = {
    node: { name: "node-0", zone: zone(0), podAddresses: [options.address] },
    discovery: { kind: "static", file: join(folder, "mesh.json") },
    peers: { fullMeshLimit: 5_000 },
    shutdown: { drainMs: 0 },
    logLevel: "warn",
    ...options.settings,
  };
  writeFileSync(join(folder, "mesh.json"), JSON.stringify(mesh));
  writeFileSync(join(folder, "agent.json"), JSON.stringify(config));
  return { configFile: join(folder, "agent.json"), [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}
