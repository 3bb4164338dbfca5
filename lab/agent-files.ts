// The files an agent of a lab is started with: its configuration, and the static mesh that all share.
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ConfigInput } from "../agent/config/schema.ts";
import type { StaticMesh } from "../agent/mesh/static-file.ts";
import type { Node } from "../agent/model/peer.ts";

/** What a configuration needs to know of a node, in namespaces or on loopback. */
export interface AgentNode extends Node {
  readonly podAddresses: readonly string[];
  readonly nodeAddresses: readonly string[];
}

/** Sections of the configuration laid over the lab's own, one deep: `{ tcp: { intervalMs: 500 } }`. */
export type AgentSettings = Partial<Omit<ConfigInput, "node" | "discovery">>;

export const meshFileOf = (directory: string): string => join(directory, "mesh.json");
export const tokenFileOf = (directory: string): string => join(directory, "token");
export const configFileOf = (directory: string, node: string): string => join(directory, `${node}.json`);
export const logFileOf = (directory: string, node: string): string => join(directory, `${node}.log`);
export const socketPathOf = (directory: string, node: string, port: "http" | "metrics"): string =>
  join(directory, `${node}.${port}.sock`);

export async function writeAgentFiles(
  directory: string,
  nodes: readonly AgentNode[],
  settings: (node: AgentNode) => AgentSettings & Pick<ConfigInput, "discovery">,
): Promise<void> {
  const mesh: StaticMesh = {
    nodes: nodes.map(({ name, zone, podAddresses, nodeAddresses }) => ({
      name,
      zone,
      podAddresses: [...podAddresses],
      nodeAddresses: [...nodeAddresses],
    })),
  };
  await writeJson(meshFileOf(directory), mesh);
  await Promise.all(
    nodes.map((node) => {
      const { name, zone, podAddresses, nodeAddresses } = node;
      const config: ConfigInput = {
        node: { name, zone, podAddresses: [...podAddresses], nodeAddresses: [...nodeAddresses] },
        ...settings(node),
      };
      return writeJson(configFileOf(directory, name), config);
    }),
  );
}

/** Actions, with a token that only this user can read. */
export async function writeToken(directory: string): Promise<AgentSettings> {
  const tokenFile = tokenFileOf(directory);
  await writeFile(tokenFile, `${randomBytes(20).toString("hex")}\n`, { mode: 0o600 });
  return { actions: { enabled: true }, tokenFile };
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
}
