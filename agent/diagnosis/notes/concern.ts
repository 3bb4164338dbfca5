// Which pairs of nodes a finding speaks of: the cells that it marks, and whether it concerns what somebody looks at. Pure.
import type { Finding, Subject } from "../../model/finding.ts";
import type { Node } from "../../model/peer.ts";
import type { MeshGrid, Path } from "./mesh-grid.ts";

/** Both orders: a probe is a round trip, so loss on one way shows in both. */
export function pairsOf(subject: Subject): (a: Node, b: Node) => boolean {
  switch (subject.kind) {
    case "node":
      return (a, b) => a.name === subject.node || b.name === subject.node;
    case "pair":
      return (a, b) => a.name !== b.name && subject.nodes.includes(a.name) && subject.nodes.includes(b.name);
    case "zone":
      return (a, b) => (a.zone === subject.zone) !== (b.zone === subject.zone);
    case "zone-pair": {
      const [one, other] = subject.zones;
      return (a, b) => (a.zone === one && b.zone === other) || (a.zone === other && b.zone === one);
    }
    case "group": {
      const members = new Set(subject.nodes);
      return (a, b) => members.has(a.name) !== members.has(b.name);
    }
    case "mesh":
      return () => true;
  }
}

const isOn = ({ scope }: Finding, path: Path): boolean =>
  (scope.network ?? path.network) === path.network &&
  (scope.protocol ?? path.protocol) === path.protocol &&
  (scope.family ?? path.family) === path.family;

/** Whether any of these pairs stands in the grid, which may be a part of a mesh. */
export function concernsGrid(finding: Finding, { nodes, paths, snapshot }: MeshGrid): boolean {
  if (finding.subject.kind === "mesh") return true;
  if (paths.length > 0 && !paths.some((path) => isOn(finding, path))) return false;
  const isOfIt = pairsOf(finding.subject);
  const sources = new Set([
    ...snapshot.rows.map(({ source }) => source.name),
    ...snapshot.missing.map(({ node }) => node.name),
  ]);
  return nodes.some((from) => sources.has(from.name) && nodes.some((to) => from.name !== to.name && isOfIt(from, to)));
}
