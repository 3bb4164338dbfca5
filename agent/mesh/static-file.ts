// The format of a static mesh: the nodes of the mesh in a JSON file. Documented in docs/static-mesh.md.
import * as z from "zod";
import { familyOf, firstOfEachFamily, parseIp } from "../base/ip.ts";
import { ip, nodeName, zoneName } from "../config/schema.ts";
import { checkAddress, type AddressPolicy } from "./addresses.ts";
import type { Endpoint } from "./source.ts";

const staticNode = z.strictObject({
  name: nodeName,
  zone: zoneName.default(""),
  podAddresses: z.array(ip).min(1).max(2),
  nodeAddresses: z.array(ip).max(2).default([]),
});
const staticMesh = z.strictObject({ nodes: z.array(staticNode).min(1).max(5_000) });

/** What a static mesh's file says. */
export type StaticMesh = z.input<typeof staticMesh>;
type StaticNode = z.infer<typeof staticNode>;

/** A file that cannot be a mesh: all that is wrong with it. */
export class StaticMeshError extends Error {
  readonly faults: readonly string[];
  constructor(path: string, faults: readonly string[]) {
    super(
      `${path} is no static mesh:\n${faults.map((fault) => `  - ${fault}`).join("\n")}\nThe format is described in docs/static-mesh.md.`,
    );
    this.name = "StaticMeshError";
    this.faults = faults;
  }
}

const EXPECTED: Readonly<Record<string, string>> = {
  nodes: "must be a list of 1 to 5000 nodes",
  name: "must be a node name of letters, digits, '-', '_' and '.'",
  zone: "must be a zone name of letters, digits, '-', '_' and '.', or left out",
  podAddresses: "must be a list of one IP address, or of two of different families",
  nodeAddresses: "must be a list of at most two IP addresses of different families, or left out",
};

/** Throws StaticMeshError with every fault. */
export function parseStaticMesh(path: string, text: string, policy: AddressPolicy): Endpoint[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (err) {
    throw new StaticMeshError(path, [`it is not JSON: ${(err as Error).message}`]);
  }
  const parsed = staticMesh.safeParse(json);
  if (!parsed.success) throw new StaticMeshError(path, [...new Set(parsed.error.issues.map(describeIssue))]);
  const { nodes } = parsed.data;
  const faults = [...namedTwice(nodes), ...badAddresses(nodes, policy), ...usedTwice(nodes)];
  if (faults.length > 0) throw new StaticMeshError(path, faults);
  return nodes.map(({ name, zone, podAddresses, nodeAddresses }) => ({
    node: { name, zone },
    id: name,
    podAddresses: firstOfEachFamily(podAddresses),
    nodeAddresses: firstOfEachFamily(nodeAddresses),
    serving: true,
    terminating: false,
  }));
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const at = issue.path
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("")
    .replace(/^\./, "");
  if (issue.code === "unrecognized_keys") {
    const known = issue.path.length === 0 ? "nodes" : Object.keys(staticNode.shape).join(", ");
    return `${at === "" ? "the file" : at} has ${issue.keys.map((key) => `"${key}"`).join(", ")}, and only ${known} may be there`;
  }
  if (issue.path.length === 0) return 'it must be an object { "nodes": [ … ] }';
  const key = issue.path.findLast((part) => typeof part === "string");
  const isNode = issue.path.length === 2;
  return isNode
    ? `${at} must be an object with name and podAddresses`
    : `${at} ${EXPECTED[String(key)] ?? issue.message}`;
}

function* namedTwice(nodes: readonly StaticNode[]): Generator<string> {
  const seen = new Set<string>();
  for (const { name } of nodes) {
    if (seen.has(name)) yield `node "${name}" is there twice; give each node one entry`;
    seen.add(name);
  }
}

const NETWORK_KEYS = ["podAddresses", "nodeAddresses"] as const;

function* badAddresses(nodes: readonly StaticNode[], policy: AddressPolicy): Generator<string> {
  for (const node of nodes) {
    for (const key of NETWORK_KEYS) {
      const families = node[key].map(familyOf);
      if (new Set(families).size < families.length)
        yield `node "${node.name}": ${key} has two addresses of one family; name the primary one`;
      for (const text of node[key]) {
        const checked = checkAddress(text, policy);
        if (!("refused" in checked)) continue;
        const cure = checked.cure === undefined ? "" : `; ${checked.cure}`;
        yield `node "${node.name}": ${key} has ${text}, which is refused: ${checked.refused}${cure}`;
      }
    }
  }
}

/** One address of one network cannot belong to two nodes: its answers would be counted for both. */
function* usedTwice(nodes: readonly StaticNode[]): Generator<string> {
  for (const key of NETWORK_KEYS) {
    const owners = new Map<string, string>();
    for (const node of nodes) {
      for (const text of node[key]) {
        const address = parseIp(text)?.text ?? text;
        const owner = owners.get(address);
        if (owner !== undefined && owner !== node.name)
          yield `${key}: ${address} belongs to both "${owner}" and "${node.name}"`;
        owners.set(address, node.name);
      }
    }
  }
}
