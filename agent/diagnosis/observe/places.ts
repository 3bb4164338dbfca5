// Places are indexes of one judgement; subjects are names that last. Here each becomes the other.
import { hash32 } from "../../base/hash.ts";
import { compareNodes } from "../../model/order.ts";
import type { Subject } from "../../model/finding.ts";
import type { Evidence } from "../evidence/evidence.ts";
import { cutEdges, nodeEdges, type Place } from "../locate/candidate.ts";
import { zonePair, type Topology } from "../locate/topology.ts";

export function subjectOf(place: Place, { nodes }: Pick<Evidence, "nodes">, topology: Topology): Subject {
  const name = (node: number): string => nodes[node]!.node.name;
  switch (place.kind) {
    case "node":
      return { kind: "node", node: name(place.node) };
    case "pair": {
      const ends = [topology.low[place.edge]!, topology.high[place.edge]!];
      return { kind: "pair", nodes: [name(ends[0]!), name(ends[1]!)] };
    }
    case "zone":
      return { kind: "zone", zone: topology.zones[place.zone]! };
    case "zone-pair":
      return { kind: "zone-pair", zones: [topology.zones[place.zones[0]]!, topology.zones[place.zones[1]]!] };
    case "group":
      return groupSubject(
        place.members
          .map((member) => nodes[member]!.node)
          .sort(compareNodes)
          .map((n) => n.name),
      );
    case "mesh":
      return { kind: "mesh" };
  }
}

/** The id of a group that is seen for the first time; the tracker keeps it while half of its members stay. */
export const groupSubject = (nodes: readonly string[]): Subject & { readonly kind: "group" } => ({
  kind: "group",
  id: hash32([...nodes].sort().join())
    .toString(16)
    .padStart(8, "0"),
  nodes,
});

/** The edges that a subject stands for, or none when its nodes or zones are gone. */
export function edgesOf(subject: Subject, { nodes }: Pick<Evidence, "nodes">, topology: Topology): Uint32Array {
  const indexOf = (name: string): number => nodes.findIndex(({ node }) => node.name === name);
  const none = new Uint32Array();
  switch (subject.kind) {
    case "node": {
      const node = indexOf(subject.node);
      return node < 0 ? none : nodeEdges(topology, node);
    }
    case "pair": {
      const [a, b] = subject.nodes.map(indexOf);
      if (a === undefined || b === undefined || a < 0 || b < 0) return none;
      return nodeEdges(topology, a).filter((e) => topology.low[e] === b || topology.high[e] === b);
    }
    case "zone": {
      const zone = topology.zones.indexOf(subject.zone);
      return zone < 0 ? none : topology.zoneCuts[zone]!;
    }
    case "zone-pair": {
      const [a, b] = subject.zones.map((zone) => topology.zones.indexOf(zone));
      if (a === undefined || b === undefined || a < 0 || b < 0) return none;
      return topology.zoneEdges.get(zonePair(a, b, topology.zones.length)) ?? none;
    }
    case "group": {
      const members = subject.nodes.map(indexOf).filter((member) => member >= 0);
      return members.length === 0 ? none : cutEdges(topology, members);
    }
    case "mesh":
      return topology.all;
  }
}

/** Node names that a subject speaks of; of zones their nodes. */
export function namesIn(subject: Subject, { nodes }: Pick<Evidence, "nodes">): readonly string[] {
  const inZones = (zones: readonly string[]): string[] =>
    nodes.filter(({ node }) => zones.includes(node.zone)).map(({ node }) => node.name);
  switch (subject.kind) {
    case "node":
      return [subject.node];
    case "pair":
      return subject.nodes;
    case "zone":
      return inZones([subject.zone]);
    case "zone-pair":
      return inZones(subject.zones);
    case "group":
      return subject.nodes;
    case "mesh":
      return nodes.map(({ node }) => node.name);
  }
}
